/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of an offer for webrtcbin. It makes names of whatever attributes, parameters and
 * kinds of feedback an offer has, and GLib keeps a name for as long as the program runs: so only
 * those that are known here stay, whoever the offer comes from.
 */
#ifndef TRO_CONSOLE_MEDIA_OFFER_REDUCE_H
#define TRO_CONSOLE_MEDIA_OFFER_REDUCE_H

#include "console/media/offer.h"

/* "96 ..." of rtpmap, fmtp and rtcp-fb; -1: not one. rest: what follows, within value; else "". */
int tro_offer_payload(const char *value, const char **rest);

/* The id of that header extension in the value of an extmap; 0: it is of another. */
int tro_offer_playout_delay(const char *value);

/* Of an offer that tro_offer_read has taken: of video, the payload that was chosen, what repeats
 * its lost packets (rtx), and the header extension for the delay of playing. */
int tro_offer_reduce(struct tro_offer *o, struct tro_err *err);

#endif
