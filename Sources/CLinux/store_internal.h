/* Shared by store.c, which writes, and scan.c, which reads and removes. */
#ifndef MAUD_STORE_INTERNAL_H
#define MAUD_STORE_INTERNAL_H
#include "store.h"
/* The SHA-256 of a whole file, and its first octets. 0 or -errno. */
int maud_store_hash(int fd, uint8_t *head, size_t head_capacity, size_t *head_count, uint8_t sum[32]);
/* Removes the oldest files of a versions directory until at most so many, with so many octets, are left. */
void maud_store_trim(int versions, uint32_t count, int64_t octets);
/* Creates a file under a name of our own, which no content file can have; name is set. The descriptor or -errno. */
int maud_store_temporary(int directory, char name[64]);
#endif
