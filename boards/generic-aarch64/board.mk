include boards/raspberry-pi-zero-2-w/board.mk
