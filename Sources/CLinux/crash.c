#define _GNU_SOURCE 1
#include "internal.h"
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

/* The last words of a node that a mistake of ours, or the service manager's watchdog (SIGABRT), ends: one line, as every event, with the
 * place in the program, which addr2line finds in maud.debug. Then the signal does what it would have done, so that a core dump and the
 * service manager say the same. */

static const int deadly[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT };
static char stack[16384] __attribute__((aligned(16))); /* the thread's own may be what overflowed */
extern const char __executable_start[], _end[]; /* from the linker: the program as it lies in memory */

static uintptr_t place(const ucontext_t *context) {
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return (uintptr_t)context->uc_mcontext.pc;
#elif defined(__arm__)
  return (uintptr_t)context->uc_mcontext.arm_pc;
#else
#error "Where does this machine's context say what was executed?"
#endif
}

static char *hexadecimal(char *to, uintptr_t number) {
  int shift = (int)sizeof number * 8 - 4;
  while (shift > 0 && number >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *to++ = "0123456789abcdef"[number >> shift & 15];
  return to;
}

static void on_crash(int number, siginfo_t *info, void *context) {
  char line[128], *end = line;
  end = stpcpy(end, "event=crashed signal=");
  if (number >= 10) *end++ = (char)('0' + number / 10);
  *end++ = (char)('0' + number % 10);
  uintptr_t at = place(context);
  if (at >= (uintptr_t)__executable_start && at < (uintptr_t)_end) end = hexadecimal(stpcpy(end, " offset=0x"), at - (uintptr_t)__executable_start);
  else end = stpcpy(end, " offset=library"); /* also when somebody else sent the signal while we waited */
  if (number == SIGSEGV || number == SIGBUS) end = hexadecimal(stpcpy(end, " address=0x"), (uintptr_t)info->si_addr);
  *end++ = '\n';
  if (write(2, line, (size_t)(end - line)) < 0) { /* nobody listens any more */ }
  raise(number); /* blocked until this returns, and by then as it was before (SA_RESETHAND) */
}

void maud_tell_of_crashes(void) {
  stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
  sigaltstack(&other, NULL);
  struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };
  for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) sigaction(deadly[i], &action, NULL);
}
