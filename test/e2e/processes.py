"""How the processes of a test end: asked, as whoever operates them would, so that it is seen that they go, and not by a signal of their own."""
import signal
import subprocess


def end(*processes, seconds=20):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
    late, broken = [], []
    for process in processes:
        try:
            process.communicate(timeout=seconds)  # what it still says is read: it may wait for that
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            late.append(process.args)
        if process.returncode < 0 and process.returncode not in (-signal.SIGTERM, -signal.SIGKILL):
            broken.append((process.args, process.returncode))
    assert not late, f"not ended {seconds} s after SIGTERM: {late}"
    assert not broken, f"ended by a signal of their own: {broken}"
