/* HPACK's Huffman code (RFC 7541, section 5.2), decoded for nghttp2 without its table, which is 16 KiB.
 *
 * The code is canonical: among codes of one length, and from one length to the next, the symbols follow each other as the codes do.
 * So how many codes there are of each length, and the symbols in order, say all of it. What has been read of a code is known by its
 * length and by its place among the beginnings of that length which are no code themselves: there are at most 23 of any.
 * make-libraries.sh compiles this in the place of nghttp2_hd_huffman.c, whose encoder stays. */
#include "nghttp2_hd.h"

/* The three functions below under other names: nothing calls them, and the linker leaves them out. */
#define nghttp2_hd_huff_decode_context_init table_decode_context_init
#define nghttp2_hd_huff_decode table_decode
#define nghttp2_hd_huff_decode_failure_state table_decode_failure_state
#include <nghttp2_hd_huffman.c>
#undef nghttp2_hd_huff_decode_context_init
#undef nghttp2_hd_huff_decode
#undef nghttp2_hd_huff_decode_failure_state

/* Appendix B: codes of 0 to 30 bits. The last of all, 30 ones, is the end of the string (EOS), which nobody may send. */
static const uint8_t codes[31] = {0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4};

static const uint8_t symbols[256] = {
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110,
    112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119, 120, 121,
    122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131,
    162, 184, 194, 224, 226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164,
    169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155,
    157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207,
    234, 235, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246,
    247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249,
    10, 13, 22,
};

/* What has been read of a code; between calls, fstate is its length in bits and its place. */
struct beginning {
    unsigned length;
    unsigned place;   /* among the beginnings of this length, in the order of their bits */
    unsigned shorter; /* how many codes have this length or less */
};

static struct beginning beginning_of(const nghttp2_hd_huff_decode_context *context)
{
    struct beginning it = {context->fstate >> 8, context->fstate & 0xff, 0};
    for (unsigned length = 1; length <= it.length; length++) {
        it.shorter += codes[length];
    }
    return it;
}

/* A string is filled up to whole octets with less than 8 of EOS's bits: the last beginning of their number. */
static int is_padding(struct beginning it)
{
    unsigned all = 1;
    for (unsigned length = 1; length <= it.length; length++) {
        all = 2 * all - codes[length];
    }
    return it.length < 8 && it.place == all - 1;
}

void nghttp2_hd_huff_decode_context_init(nghttp2_hd_huff_decode_context *context)
{
    context->fstate = 0;
}

/* Writes at most 8 octets for 5 of `source`, the shortest codes having 5 bits: the caller has room for twice as many. */
nghttp2_ssize nghttp2_hd_huff_decode(nghttp2_hd_huff_decode_context *context, nghttp2_buf *buffer, const uint8_t *source, size_t count,
                                     int final)
{
    struct beginning it = beginning_of(context);
    for (size_t bits = 0; bits < 8 * count; bits++) {
        it.place = 2 * it.place + (source[bits / 8] >> (7 - bits % 8) & 1);
        it.length++;
        if (it.place >= codes[it.length]) { /* the first ones are codes: this is none yet */
            it.place -= codes[it.length];
            it.shorter += codes[it.length];
            continue;
        }
        if (it.shorter + it.place == sizeof symbols) {
            return NGHTTP2_ERR_HEADER_COMP; /* EOS */
        }
        *buffer->last++ = symbols[it.shorter + it.place];
        it = (struct beginning){0, 0, 0};
    }
    context->fstate = (uint16_t)(it.length << 8 | it.place);
    return final && !is_padding(it) ? NGHTTP2_ERR_HEADER_COMP : (nghttp2_ssize)count;
}

/* There is no such state: the error was returned above. */
int nghttp2_hd_huff_decode_failure_state(nghttp2_hd_huff_decode_context *context)
{
    (void)context;
    return 0;
}
