/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"

#define MAX_SLOTS (TRO_RING_MAX_READERS + 2)
#define MAGIC 0x676e7274u /* "trng" */
#define VERSION 1
#define SLOT_ALIGNMENT 4096
#define SLOT_BITS 8 /* of `newest` */

/* Since Linux 5.1; older headers lack it. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

struct header {
    uint32_t magic, version;
    uint32_t format, width, height, is_bt601, is_full_range;
    uint32_t n_slots, n_readers, unused;
    uint64_t slot_bytes;
};

struct shared_slot {
    _Atomic uint64_t id; /* 0: being written */
    _Atomic int64_t captured_ns;
    _Atomic uint32_t readers; /* a bit each */
    uint32_t unused;
};

struct shared {
    struct header header;
    _Atomic uint64_t newest; /* id << SLOT_BITS | slot; 0: none yet */
    _Atomic uint32_t word;   /* changes with each frame: to wait on */
    uint32_t unused;
    struct shared_slot slots[MAX_SLOTS];
};

struct tro_ring {
    bool is_producer;
    int control_fd, pixels_fd, reader;
    struct tro_frame_form form;
    int n_slots, n_readers;
    size_t slot_bytes;
    struct shared *shared;
    uint8_t *pixels;

    /* the producer's own */
    _Atomic uint64_t last_id, n_unseen;
    uint64_t ids[MAX_SLOTS];
    int newest, writing; /* slots; -1: none */
    bool has_begun;
    uint8_t *spare; /* a frame nobody sees, where readers hold all slots */

    int held[MAX_SLOTS]; /* a reader's own: by threads of this process */

    pthread_mutex_t lock; /* of held; of the header in the producer */
};

/* ---- both ----------------------------------------------------------------------------------- */

static size_t pixels_bytes(const struct tro_ring *r)
{
    return r->slot_bytes * (size_t)r->n_slots;
}

static struct tro_ring *ring_new(struct tro_err *err)
{
    struct tro_ring *const r = tro_calloc(1, sizeof *r);
    if (!r || pthread_mutex_init(&r->lock, NULL) != 0) {
        tro_free(r);
        tro_fail_nomem(err);
        return NULL;
    }
    r->control_fd = r->pixels_fd = -1;
    r->newest = r->writing = -1;
    return r;
}

void tro_ring_destroy(struct tro_ring *r)
{
    if (!r)
        return;
    if (r->shared)
        munmap(r->shared, sizeof *r->shared);
    if (r->pixels)
        munmap(r->pixels, pixels_bytes(r));
    if (r->is_producer && r->control_fd >= 0)
        close(r->control_fd);
    if (r->is_producer && r->pixels_fd >= 0)
        close(r->pixels_fd);
    tro_free(r->spare);
    pthread_mutex_destroy(&r->lock);
    tro_free(r);
}

static int map(int fd, size_t n_bytes, bool is_writable, void **out, struct tro_err *err)
{
    const int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *const p = mmap(NULL, n_bytes, protection, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return tro_fail(err, TRO_E_NOMEM, "the frame ring: cannot map %zu bytes: %s", n_bytes,
                        strerror(errno));
    *out = p;
    return 0;
}

struct tro_frame_form tro_ring_form(const struct tro_ring *r)
{
    return r->form;
}

const uint8_t *tro_ring_pixels(const struct tro_ring *r, size_t *n_bytes)
{
    *n_bytes = pixels_bytes(r);
    return r->pixels;
}

uint64_t tro_ring_newest(const struct tro_ring *r)
{
    return r->is_producer ? atomic_load(&r->last_id) : atomic_load(&r->shared->newest) >> SLOT_BITS;
}

/* ---- the producer --------------------------------------------------------------------------- */

static int make_file(const char *name, size_t n_bytes, int *fd, struct tro_err *err)
{
    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)n_bytes) != 0)
        return tro_fail(err, TRO_E_NOMEM, "the frame ring: cannot make %zu bytes of memory: %s",
                        n_bytes, strerror(errno));
    return 0;
}

/* After the own mapping was made: no other one can be written any more. */
static int seal(int fd, int seals, struct tro_err *err)
{
    if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) != 0)
        return tro_fail(err, TRO_E_DEVICE,
                        "the frame ring: cannot seal its memory: %s (Linux 5.1 or newer can)",
                        strerror(errno));
    return 0;
}

static void write_header(struct tro_ring *r)
{
    r->shared->header = (struct header){
        .magic = MAGIC,
        .version = VERSION,
        .format = (uint32_t)r->form.format,
        .width = (uint32_t)r->form.width,
        .height = (uint32_t)r->form.height,
        .is_bt601 = r->form.is_bt601,
        .is_full_range = r->form.is_full_range,
        .n_slots = (uint32_t)r->n_slots,
        .n_readers = (uint32_t)r->n_readers,
        .slot_bytes = r->slot_bytes,
    };
}

static int make(struct tro_ring *r, struct tro_err *err)
{
    void *control, *pixels;
    TRO_TRY(make_file("trocar-ring-control", sizeof *r->shared, &r->control_fd, err));
    TRO_TRY(make_file("trocar-ring-pixels", pixels_bytes(r), &r->pixels_fd, err));
    TRO_TRY(map(r->control_fd, sizeof *r->shared, true, &control, err));
    r->shared = control;
    TRO_TRY(map(r->pixels_fd, pixels_bytes(r), true, &pixels, err));
    r->pixels = pixels;
    TRO_TRY(seal(r->control_fd, SIZE_SEALS, err));
    TRO_TRY(seal(r->pixels_fd, SIZE_SEALS | F_SEAL_FUTURE_WRITE, err));
    r->spare = tro_malloc_aligned(r->slot_bytes);
    if (!r->spare)
        return tro_fail_nomem(err);
    write_header(r);
    return 0;
}

struct tro_ring *tro_ring_create(const struct tro_frame_form *form, int n_readers,
                                 struct tro_err *err)
{
    const size_t n_bytes = tro_frame_n_bytes(form);
    if (n_bytes == 0 || n_readers < 1 || n_readers > TRO_RING_MAX_READERS) {
        tro_fail(err, TRO_E_INPUT,
                 "the frame ring: expected a frame of even sides up to %d and 1 to %d readers, "
                 "found %d x %d and %d",
                 TRO_FRAME_MAX_SIDE, TRO_RING_MAX_READERS, form->width, form->height, n_readers);
        return NULL;
    }
    struct tro_ring *const r = ring_new(err);
    if (!r)
        return NULL;
    r->is_producer = true;
    r->form = *form;
    r->n_readers = n_readers;
    r->n_slots = n_readers + 2;
    r->slot_bytes = (n_bytes + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    if (make(r, err) < 0) {
        tro_ring_destroy(r);
        return NULL;
    }
    return r;
}

int tro_ring_control_fd(const struct tro_ring *r)
{
    return r->control_fd;
}

int tro_ring_pixels_fd(const struct tro_ring *r)
{
    return r->pixels_fd;
}

uint64_t tro_ring_n_unseen(const struct tro_ring *r)
{
    return atomic_load(&r->n_unseen);
}

static uint32_t readers_of(const struct tro_ring *r, int slot)
{
    return atomic_load(&r->shared->slots[slot].readers) & ((1u << r->n_readers) - 1);
}

/* A reader sets its bit and then looks at the id; here the id goes and then the bits are looked at:
 * one of the two sees the other. */
static bool seize(struct tro_ring *r, int slot)
{
    struct shared_slot *const s = &r->shared->slots[slot];
    if (readers_of(r, slot))
        return false;
    atomic_store(&s->id, 0);
    if (!readers_of(r, slot))
        return true;
    atomic_store(&s->id, r->ids[slot]);
    return false;
}

/* Of the slots that are neither newest nor in the set; -1: there is none. */
static int find_oldest(const struct tro_ring *r, uint32_t without)
{
    int oldest = -1;
    uint64_t id = UINT64_MAX;
    for (int i = 0; i < r->n_slots; i++)
        if (i != r->newest && !(without >> i & 1) && r->ids[i] < id) {
            oldest = i;
            id = r->ids[i];
        }
    return oldest;
}

static int find_free(struct tro_ring *r)
{
    uint32_t tried = 0;
    for (int i = find_oldest(r, 0); i >= 0; i = find_oldest(r, tried)) {
        if (seize(r, i))
            return i;
        tried |= 1u << i;
    }
    return -1;
}

uint8_t *tro_ring_begin(struct tro_ring *r)
{
    if (!r->has_begun) {
        r->has_begun = true;
        r->writing = find_free(r);
        if (r->writing >= 0)
            r->ids[r->writing] = 0;
    }
    return r->writing < 0 ? r->spare : r->pixels + (size_t)r->writing * r->slot_bytes;
}

uint64_t tro_ring_publish(struct tro_ring *r, int64_t captured_ns)
{
    const uint64_t id = atomic_fetch_add(&r->last_id, 1) + 1;
    r->has_begun = false;
    if (r->writing < 0) {
        atomic_fetch_add(&r->n_unseen, 1);
        return id;
    }
    struct shared_slot *const s = &r->shared->slots[r->writing];
    atomic_store(&s->captured_ns, captured_ns);
    atomic_store(&s->id, id);
    atomic_store(&r->shared->newest, id << SLOT_BITS | (uint64_t)r->writing);
    r->ids[r->writing] = id;
    r->newest = r->writing;
    atomic_fetch_add(&r->shared->word, 1);
    syscall(SYS_futex, &r->shared->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return id;
}

void tro_ring_forget(struct tro_ring *r, int reader)
{
    pthread_mutex_lock(&r->lock);
    write_header(r);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->n_slots; i++)
        atomic_fetch_and(&r->shared->slots[i].readers, ~(1u << reader));
}

/* ---- readers -------------------------------------------------------------------------------- */

static int check_file(int fd, int seals, size_t n_bytes, const char *name, struct tro_err *err)
{
    struct stat st;
    const int found = fcntl(fd, F_GET_SEALS);
    if (found < 0 || fstat(fd, &st) != 0)
        return tro_fail(err, TRO_E_INPUT, "the frame ring: expected its %s, found no such memory",
                        name);
    if ((found & seals) != seals)
        return tro_fail(err, TRO_E_INPUT, "the frame ring: expected %s with seals %x, found %x",
                        name, (unsigned)seals, (unsigned)found);
    if (st.st_size < 0 || (uint64_t)st.st_size != n_bytes)
        return tro_fail(err, TRO_E_INPUT, "the frame ring: expected %zu bytes of %s, found %lld",
                        n_bytes, name, (long long)st.st_size);
    return 0;
}

/* Another reader may write into the control block at any time: one look, then only the copy. */
static int read_header(struct tro_ring *r, struct tro_err *err)
{
    const struct header h = *(const volatile struct header *)&r->shared->header;
    if (h.magic != MAGIC || h.version != VERSION)
        return tro_fail(err, TRO_E_INPUT,
                        "the frame ring: expected version %d, found %08x version %u", VERSION,
                        (unsigned)h.magic, (unsigned)h.version);
    if (h.format >= TRO_N_FRAME_FORMATS || h.width > TRO_FRAME_MAX_SIDE ||
        h.height > TRO_FRAME_MAX_SIDE || h.n_readers < 1 || h.n_readers > TRO_RING_MAX_READERS ||
        h.n_slots != h.n_readers + 2)
        return tro_fail(err, TRO_E_INPUT, "the frame ring: its control block is damaged");
    r->form = (struct tro_frame_form){.format = (enum tro_frame_format)h.format,
                                      .width = (int)h.width,
                                      .height = (int)h.height,
                                      .is_bt601 = h.is_bt601 != 0,
                                      .is_full_range = h.is_full_range != 0};
    const size_t n_bytes = tro_frame_n_bytes(&r->form);
    r->n_readers = (int)h.n_readers;
    r->n_slots = (int)h.n_slots;
    r->slot_bytes = (n_bytes + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    if (n_bytes == 0 || r->slot_bytes != h.slot_bytes || r->reader >= r->n_readers)
        return tro_fail(err, TRO_E_INPUT, "the frame ring: its control block is damaged");
    return 0;
}

static int open_files(struct tro_ring *r, struct tro_err *err)
{
    void *control, *pixels;
    TRO_TRY(check_file(r->control_fd, SIZE_SEALS, sizeof *r->shared, "control", err));
    TRO_TRY(map(r->control_fd, sizeof *r->shared, true, &control, err));
    r->shared = control;
    TRO_TRY(read_header(r, err));
    TRO_TRY(
        check_file(r->pixels_fd, SIZE_SEALS | F_SEAL_FUTURE_WRITE, pixels_bytes(r), "pixels", err));
    TRO_TRY(map(r->pixels_fd, pixels_bytes(r), false, &pixels, err));
    r->pixels = pixels;
    return 0;
}

struct tro_ring *tro_ring_open(int control_fd, int pixels_fd, int reader, struct tro_err *err)
{
    if (reader < 0 || reader >= TRO_RING_MAX_READERS) {
        tro_fail(err, TRO_E_INPUT, "the frame ring: expected a reader of 0 to %d, found %d",
                 TRO_RING_MAX_READERS - 1, reader);
        return NULL;
    }
    struct tro_ring *const r = ring_new(err);
    if (!r)
        return NULL;
    r->control_fd = control_fd;
    r->pixels_fd = pixels_fd;
    r->reader = reader;
    if (open_files(r, err) < 0) {
        tro_ring_destroy(r);
        return NULL;
    }
    return r;
}

static void let_go(struct tro_ring *r, int slot)
{
    if (--r->held[slot] == 0)
        atomic_fetch_and(&r->shared->slots[slot].readers, ~(1u << r->reader));
}

/* The frame of that id in the slot; false: it was written over meanwhile. */
static bool hold(struct tro_ring *r, int slot, uint64_t id, struct tro_frame *out)
{
    struct shared_slot *const s = &r->shared->slots[slot];
    pthread_mutex_lock(&r->lock);
    if (r->held[slot]++ == 0)
        atomic_fetch_or(&s->readers, 1u << r->reader);
    const bool is_it = atomic_load(&s->id) == id;
    if (!is_it)
        let_go(r, slot);
    pthread_mutex_unlock(&r->lock);
    *out = (struct tro_frame){.id = id,
                              .captured_ns = atomic_load(&s->captured_ns),
                              .form = r->form,
                              .bytes = r->pixels + (size_t)slot * r->slot_bytes};
    return is_it;
}

/* Until the word is another one. */
static void wait_word(struct tro_ring *r, uint32_t word, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    syscall(SYS_futex, &r->shared->word, FUTEX_WAIT_BITSET, word, &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

bool tro_ring_take(struct tro_ring *r, uint64_t after, int64_t timeout_ns, struct tro_frame *out)
{
    const int64_t until_ns = tro_clock_ns() + timeout_ns;
    for (;;) {
        const uint32_t word = atomic_load(&r->shared->word);
        const uint64_t newest = atomic_load(&r->shared->newest);
        const uint64_t id = newest >> SLOT_BITS, slot = newest & ((1u << SLOT_BITS) - 1);
        if (id > after && slot < (uint64_t)r->n_slots && hold(r, (int)slot, id, out))
            return true;
        if (tro_clock_ns() >= until_ns)
            return false;
        if (newest == atomic_load(&r->shared->newest))
            wait_word(r, word, until_ns);
    }
}

void tro_ring_release(struct tro_ring *r, const struct tro_frame *f)
{
    const int slot = (int)((size_t)(f->bytes - r->pixels) / r->slot_bytes);
    pthread_mutex_lock(&r->lock);
    let_go(r, slot);
    pthread_mutex_unlock(&r->lock);
}
