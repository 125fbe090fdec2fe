"""What lies between a server and its broker: it can be cut, as a network is, while both work on."""
import socket
import struct
import threading

HOST = "127.0.0.1"


class BrokerProxy:
    """Passes on what a client and the broker at `bootstrap` say. The broker names its own address in
    its answers; the client is told the proxy's instead, and so speaks to the broker through it alone."""

    def __init__(self, bootstrap):
        self.port = int(bootstrap.rsplit(":", 1)[1])
        self.listener = socket.create_server((HOST, 0))
        own = self.listener.getsockname()[1]
        self.address = f"{HOST}:{own}"
        self.named = [HOST.encode() + struct.pack(">i", port) for port in (self.port, own)]
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """What was said is not heard; connections stay, as nobody says that they have ended."""
        self.flows.clear()

    def mend(self):
        self.flows.set()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            self.flows.wait()
            broker = socket.create_connection((HOST, self.port))
            for source, sink, change in ((client, broker, lambda frame: frame),
                                         (broker, client, lambda frame: frame.replace(*self.named))):
                threading.Thread(target=self._pass_on, args=(source, sink, change), daemon=True).start()

    def _pass_on(self, source, sink, change):
        """A frame is its size in 4 bytes and its content."""
        try:
            with source.makefile("rb") as frames:
                while len(size := frames.read(4)) == 4:
                    frame = frames.read(*struct.unpack(">i", size))
                    self.flows.wait()
                    sink.sendall(size + change(frame))
        except OSError:
            pass  # the other direction has ended
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
