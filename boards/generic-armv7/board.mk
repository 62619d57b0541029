include boards/raspberry-pi-2/board.mk
