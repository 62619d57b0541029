# This machine: native, no sysroot. An arm64 PC has no Embedded standard library of its own name, so there Swift
# compiles for aarch64-none-none-elf and clang links for Linux, as for the boards.
ifeq ($(shell uname -m),aarch64)
MACHINE := aarch64-host
TRIPLE  := aarch64-none-none-elf
TOOLSET := boards/linux-host/toolset-arm64.json
OBJCOPY := aarch64-linux-gnu-objcopy
else
MACHINE := x86_64
TRIPLE  :=
TOOLSET := boards/linux-host/toolset.json
OBJCOPY := x86_64-linux-gnu-objcopy
endif
DEBIAN_ARCHITECTURE :=
