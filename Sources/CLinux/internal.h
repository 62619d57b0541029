/* Shared by the .c files only: the fault hook around every system call. */
#ifndef MAUD_INTERNAL_H
#define MAUD_INTERNAL_H
#include <errno.h>
#include "CLinux.h"
#ifdef MAUD_FAULTS
int maud_fault(const char *call);
#else
static inline int maud_fault(const char *call) { (void)call; return 0; }
#endif
/* In a function returning -errno: fail here when a test says so. */
#define FAULT(call) do { int fault_ = maud_fault(call); if (fault_ > 0) return -fault_; } while (0)
#define RESULT(value) ({ __auto_type result_ = (value); result_ < 0 ? -errno : result_; })
/* All of it, by as many calls of maud_write as that takes. */
int maud_write_all(int fd, const uint8_t *octets, size_t count);
#endif
