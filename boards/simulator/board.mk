include boards/linux-host/board.mk
