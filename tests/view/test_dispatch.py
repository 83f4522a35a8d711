"""Of several requests for one view the newest is answered; who has gone is not waited for."""

import threading
import time

import pytest

from omniscopy.view.dispatch import Dispatcher, SupersededError, Turn


class Slow:
    """Answers a request when it is told to."""

    def __init__(self):
        self.go, self.begun, self.answered, self.closed = threading.Event(), [], [], False

    def answer(self, header, buffers, turn):
        self.begun.append(header["seq"])
        while not self.go.wait(0.01):
            turn.check()
        turn.check()
        if header["kind"] == "bad":
            raise ValueError("no good")  # noqa: EM101
        self.answered.append(header["seq"])
        yield {"kind": "values"}, [b"1234"]

    def shown(self, text):
        return text.replace("good", "use")

    def close(self):
        self.closed = True


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def dispatcher(slow, sent):
    made = Dispatcher(slow, lambda header, buffers: sent.append(header))
    yield made
    slow.go.set()
    made.close()


def wait(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.005)


def test_only_the_newest_of_those_that_wait_is_answered(dispatcher, slow, sent):
    dispatcher.submit({"kind": "reduce", "seq": 1, "view": "a"})
    wait(lambda: slow.begun == [1])
    for seq in range(2, 50):
        dispatcher.submit({"kind": "reduce", "seq": seq, "view": "a"})
    dispatcher.submit({"kind": "reduce", "seq": 50, "view": "b"})
    wait(lambda: 50 in slow.begun)
    slow.go.set()
    wait(lambda: len(sent) == 3)
    assert sorted(slow.answered) == [1, 49, 50]
    assert {header["seq"]: header.get("view") for header in sent} == {1: "a", 49: "a", 50: "b"}


def test_a_newer_request_is_known_to_the_one_that_runs():
    seen = threading.Event()

    class Watching(Slow):
        def answer(self, header, buffers, turn):
            if header["seq"] == 1:
                assert turn.newer.wait(120)
                seen.set()
            yield {"kind": "values"}, []

    made = Dispatcher(Watching(), lambda header, buffers: None)
    made.submit({"kind": "reduce", "seq": 1, "view": "a"})
    made.submit({"kind": "reduce", "seq": 2, "view": "a"})
    assert seen.wait(120)
    made.close()


def test_a_request_is_stopped_by_its_number(dispatcher, slow, sent):
    dispatcher.submit({"kind": "run", "seq": 7})
    wait(lambda: slow.begun == [7])
    dispatcher.submit({"kind": "cancel", "of": 7, "seq": 8})
    wait(lambda: sent)
    assert sent == [{"kind": "cancelled", "seq": 7}]
    assert slow.answered == []


def test_an_error_is_told_without_what_is_hidden_and_the_next_is_answered(dispatcher, slow, sent):
    slow.go.set()
    dispatcher.submit({"kind": "bad", "seq": 1})
    dispatcher.submit({"kind": "fine", "seq": 2})
    wait(lambda: len(sent) == 2)
    found = {header["seq"]: header for header in sent}
    assert found[1] == {
        "kind": "error", "seq": 1, "name": "ValueError", "message": "ValueError: no use",
    }  # fmt: skip
    assert found[2]["kind"] == "values"


def test_what_is_no_message_is_an_error(dispatcher, sent):
    dispatcher.submit(["nonsense"])
    assert sent[0]["kind"] == "error"
    assert "'kind'" in sent[0]["message"]


def test_closing_stops_what_runs_and_closes_the_session(slow, sent):
    made = Dispatcher(slow, lambda header, buffers: sent.append(header))
    made.submit({"kind": "run", "seq": 1})
    wait(lambda: slow.begun == [1])
    made.close()
    wait(lambda: slow.closed)
    assert slow.answered == []


def test_a_page_that_has_gone_ends_its_answers(slow):
    tried = []

    def send(header, buffers):
        tried.append(header["seq"])
        raise ConnectionResetError

    made = Dispatcher(slow, send)
    slow.go.set()
    made.submit({"kind": "run", "seq": 1})
    made.submit({"kind": "run", "seq": 2})
    wait(lambda: sorted(slow.answered) == [1, 2])
    assert sorted(set(tried)) == [1, 2]
    made.close()
    wait(lambda: slow.closed)


def test_a_cancelled_turn_says_so():
    turn = Turn()
    turn.check()
    turn.cancelled.set()
    with pytest.raises(SupersededError):
        turn.check()
