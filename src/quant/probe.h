/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: layers, each by itself, on what they take in a real run. */
#ifndef TRO_QUANT_PROBE_H
#define TRO_QUANT_PROBE_H

struct tro_quant_probes;
void tro_quant_probes_destroy(struct tro_quant_probes *p);

#endif
