# SPDX-License-Identifier: Apache-2.0
#   make            build/trocar, build/trocard and build/libtrocar.so
#   make demo       set-up, build, and the console at work on a synthetic operation, until Ctrl-C:
#                   prints the addresses of its pages; DEMO="--seconds 60" and the like
#   make soak       the console for ten minutes with ten viewers that come and go, and others that
#                   misbehave: what it takes, what it lost; SOAK="--seconds 60 --kills 5"
#   make pictures   four networks at work on pictures of a synthetic operation, or on
#                   PICTURES="a.png b.jpg", beside the truth and other engines
#   make failure-modes   how the networks of models/ fail, a page: build/failure-modes/index.html;
#                   FAILURE_MODES="--procedures 20" and the like make it larger
#   make precision  what the networks of models/ lose and gain in integers, a table:
#                   build/precision/table.md; PRECISION="--only unet" and the like
#   make check      set-up and every check; CHECK="--only unit,cli" runs some of them
#   make check-all  the same, longer: more tests under sanitizers, a minute of each fuzzer
#   make check-gpu  what needs a GPU: unit tests, networks, faults; CHECK="--sanitizer" and the like
#   make fuzz       each fuzz target for FUZZ_SECONDS (600)
#   make format     formats the C sources
#   make docs       writes the generated pages of docs/
#   make clean      removes what was built; "make distclean" also what set-up fetched
FUZZ_SECONDS ?= 600

.PHONY: all demo soak pictures failure-modes precision check check-all check-gpu fuzz format \
        docs clean distclean

all:
	@scripts/build.sh build

demo:
	@scripts/setup-debian.sh build
	@scripts/build.sh build
	@scripts/console.sh $(DEMO)

soak:
	@scripts/setup-debian.sh build
	@scripts/build.sh build
	@scripts/console_soak.py $(SOAK)

pictures:
	@scripts/setup-debian.sh build
	@scripts/build.sh build
	@scripts/pictures.sh $(PICTURES)

failure-modes:
	@scripts/setup-debian.sh build
	@scripts/build.sh build
	@scripts/failure_modes.py $(FAILURE_MODES)

precision:
	@scripts/setup-debian.sh build
	@scripts/build.sh build
	@scripts/precision.py $(PRECISION)

check:
	@scripts/setup-debian.sh check
	@tests/check.py $(CHECK)

check-all:
	@scripts/setup-debian.sh check
	@tests/check.py --all $(CHECK)

# Without set-up: python3, meson, ninja and a C compiler are enough.
check-gpu:
	@python3 tests/check_gpu.py $(CHECK)

fuzz:
	@scripts/setup-debian.sh check
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

format:
	@scripts/format.sh

docs:
	@scripts/docs.py

clean:
	@rm -rf build-*
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 \
	    ! -name npm ! -name locale ! -name data -exec rm -rf {} +; fi

distclean: clean
	@rm -rf build
