/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/sentence.h"
#include "test.h"

static struct tro_sentence made(void)
{
    struct tro_sentence s = {.id = 7,
                             .rule = "hook-close",
                             .text = {"Raise the hook.", "\xe6\x8a\xac\xe9\xab\x98"},
                             .priority = 1,
                             .frame = 812,
                             .n_why = 2,
                             .n_draw = 1};
    s.why[0] = (struct tro_sentence_why){
        .fact = "hook-to-bowel", .value = 2.4f, .unit = TRO_UNIT_MM, .n_from = 2};
    s.why[0].from[0] = (struct tro_sentence_from){
        .network = 1, .tier = 0, .frame = 812, .engine = 0x5be0c6aa01234567, .track = 4};
    s.why[0].from[1] = (struct tro_sentence_from){.network = 0, .tier = 1, .frame = 811};
    s.why[1] = (struct tro_sentence_why){.fact = "smoke", .value = NAN};
    s.draw[0] = (struct tro_draw){.kind = TRO_DRAW_ARROW,
                                  .rgb = {255, 210, 60},
                                  .n_points = 2,
                                  .x = {310.5f, 322},
                                  .y = {200, 171.3f}};
    return s;
}

TEST(sentence_as_json)
{
    static const char *const networks[] = {"tissue", "instruments"};
    const struct tro_sentence s = made();
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_sentence_json(&s, networks, 2, &j);
    tro_json_object_end(&j);
    tro_buf_u8(&j.buf, 0);
    CHECK_STR((const char *)j.buf.p,
              "{\"id\": 7,\"rule\": \"hook-close\",\"frame\": 812,\"priority\": 1,\"text\": "
              "{\"en\": \"Raise the hook.\",\"zh\": \"\xe6\x8a\xac\xe9\xab\x98\"},\"why\": "
              "[{\"fact\": \"hook-to-bowel\",\"value\": 2.4,\"unit\": \"mm\",\"from\": "
              "[{\"network\": \"instruments\",\"tier\": 0,\"engine\": \"5be0c6aa01234567\","
              "\"frame\": 812,\"track\": 4},{\"network\": \"tissue\",\"tier\": 1,\"engine\": "
              "\"0000000000000000\",\"frame\": 811}]},{\"fact\": \"smoke\",\"value\": null,"
              "\"unit\": \"\",\"from\": []}],\"draw\": [{\"kind\": \"arrow\",\"colour\": "
              "\"#ffd23c\",\"points\": [[310.5,200],[322,171.3]]}]}\n");
    tro_json_finish(&j);
}
