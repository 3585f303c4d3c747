"""A node of rclpy in a thread of its own."""

import threading

import rclpy
from rclpy.executors import SingleThreadedExecutor


class Listener:
    """Listens while it is entered; a context. `lock` guards what its thread writes."""

    def __init__(self, name, domain):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node(name, context=self.context)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self._spin, name=name)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def _spin(self):
        while not self.stopping.is_set():
            self.executor.spin_once(timeout_sec=0.1)
