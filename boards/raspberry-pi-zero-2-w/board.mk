# 64-bit Raspberry Pi OS or Debian 13.
MACHINE := aarch64
TRIPLE  := aarch64-none-none-elf
TOOLSET := boards/$(BOARD)/toolset.json
OBJCOPY := aarch64-linux-gnu-objcopy
DEBIAN_ARCHITECTURE := arm64
