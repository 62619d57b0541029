# 32-bit Debian 13 (armhf): hard-float ARMv7. The Pi 1 and the Pi Zero are ARMv6 and cannot run it.
MACHINE := armv7
TRIPLE  := armv7-none-none-eabi
TOOLSET := boards/$(BOARD)/toolset.json
OBJCOPY := arm-linux-gnueabihf-objcopy
DEBIAN_ARCHITECTURE := armhf
