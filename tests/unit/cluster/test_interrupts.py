import signal

from retinaface.cluster.connection import connect


def test_local_workers_leave_interrupts_to_the_command():
    with connect("local:1") as client:
        found = client.run(lambda: signal.getsignal(signal.SIGINT))
        assert list(found.values()) == [signal.SIG_IGN]
        assert client.submit(sum, [1, 2]).result() == 3
