"""A bad link between two sockets."""
import random
import select
import threading


class Pump:
    """Carries messages from one socket to another or to a function, some of them only."""

    def __init__(self, source, send, loss, seed):
        self.source, self.send, self.loss, self.random = source, send, loss, random.Random(seed)
        self.lost = self.carried = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                select.select([self.source], [], [])
                message = self.source.recv(600)
                if not message:
                    return
                if self.random.random() < self.loss:
                    self.lost += 1
                    continue
                self.carried += 1
                self.send(message)
            except (OSError, ValueError):
                return
