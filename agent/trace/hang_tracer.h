// SPDX-License-Identifier: Apache-2.0
// agent/trace/hang_tracer.h: the tracer's part for tests that do not end: a Python module beside those of python_tracer.h.
//
// A thread of each traced process watches how long a test takes. One that takes too long is looked at for a moment: the
// frames that stay all the while, and the lines that run meanwhile, are where it hangs; then an exception in the main
// thread ends it, so that the tests after it are seen as well. What is known is written at once, as a process that hangs
// may never come to its end.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_hang.py: sitecustomize calls watch().
inline constexpr std::string_view kHangModule = R"PY(import faulthandler, os, signal, sys, threading, time

_until = float(os.environ.get("GRAFT_TRACE_UNTIL") or "0")
_interrupts = os.environ.get("GRAFT_TRACE_HUNG") == "1"
# Nobody else's, where the test program does not take all signals for itself.
_signal = signal.SIGRTMIN + 11
_look_seconds = .02
_window_seconds = .25
_wanted = [-1]
_own_files = set()
_started = [0.0]
_hanging = [None]  # since when
_lost = [0.0]      # seconds of tests that hung and were ended
_memory = [0]
trace = None


# What this process did beside hanging: seconds, and bytes held before.
def _calm():
    now = time.monotonic()
    return now - _started[0] - _lost[0] - (now - _hanging[0] if _hanging[0] is not None else 0), _memory[0]


def _resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _end_of_hang():
    if _hanging[0] is not None:
        _lost[0] += time.monotonic() - _hanging[0]
        _hanging[0] = None


# No Exception, so that a loop that catches those is left as well.
class Hung(BaseException):
    pass


def _interrupt_here(signum, frame):
    if _wanted[0] != trace.serial[0] or frame is None or frame.f_code.co_filename in _own_files:
        return  # an exception in the tracer itself would only end the tracing
    while frame is not None:
        if trace.relative(frame.f_code.co_filename) is not None:
            _wanted[0] = -1
            raise Hung("the test did not end")
        frame = frame.f_back


def _stacks():
    found = {}
    for thread, frame in sys._current_frames().items():
        frames = []
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        if thread != threading.get_ident():
            found[thread] = frames[::-1]  # outermost first
    return found


# Records where each thread hangs: the innermost of our frames that did not change in the time of the window, the lines it
# ran meanwhile, and the lines of what it called. False where no frame is ours: a tool that is busy with itself.
def _record(test):
    before, last_news = _stacks(), max(trace.news[0], _started[0])
    seen = {id(frame): set() for frames in before.values() for frame in frames}
    seen[None] = set()
    trace.window[0] = seen
    time.sleep(_window_seconds)
    trace.window[0] = None
    after = _stacks()
    called = list(seen[None])
    main = threading.main_thread().ident
    found = False
    for thread in sorted(after, key=lambda thread: thread != main):
        kept = []
        for old, new in zip(before.get(thread, []), after[thread]):
            if old is not new:
                break
            if trace.relative(new.f_code.co_filename) is not None:
                kept.append(new)
        if not kept:
            continue
        found = True
        places = [[frame.f_code.co_filename, frame.f_lineno] for frame in kept]
        loop = sorted(seen[id(kept[-1])])
        trace.failures.append({"test": test, "message": "", "frames": places, "hung": True,
                               "loop": [list(place) for place in loop],
                               "called": [list(place) for place in sorted(called)[:2000]] if loop else []})
    if found:
        trace.outcomes[test] = False
        _hanging[0] = last_news
    return found


def _watch():
    main = threading.main_thread().ident
    serial, since, patience, ended, news = None, 0, 0, 0, None
    while True:
        time.sleep(_look_seconds)
        now = time.monotonic()
        if _interrupts and trace.news[0] != news:
            # A loop that fills the memory runs no new line: what it takes is not counted.
            news = trace.news[0]
            _memory[0] = max(_memory[0], _resident())
        if now >= _until:
            if _interrupts and ended < 1:
                _record(trace.current[0])
            trace.cut[0] = True
            trace.write()
            os._exit(70)
        if not _interrupts:
            continue
        if trace.serial[0] != serial:
            # A third of what is left: some tests may hang, and those after them shall be seen as well.
            # What belongs to no test is the loading of modules, slow when it is cold, or a script without tests.
            serial, since, ended = trace.serial[0], now, 0
            _end_of_hang()
            patience = max(.2, (_until - now) * (.33 if trace.current[0] else .66))
        if now - since < patience or ended >= 20:
            continue
        if ended == 0:
            if not _record(trace.current[0]):
                since = now
                continue
            trace.write()
        # More than once: the signal may find the tracer at work, or an except clause that takes everything.
        ended += 1
        _wanted[0] = serial
        for _ in range(100):
            if _wanted[0] != serial or trace.serial[0] != serial:
                break
            signal.pthread_kill(main, _signal)
            time.sleep(.002)
        _wanted[0] = -1


def _start():
    threading.Thread(target=_watch, daemon=True).start()


def _forked():
    trace.forget()
    _started[0], _hanging[0], _lost[0], _memory[0] = time.monotonic(), None, 0.0, 0
    _start()


def watch(module):
    global trace
    if _until <= 0:
        return
    trace = module
    _started[0] = time.monotonic()
    trace.calm[0] = _calm
    _own_files.update((__file__, module.__file__))
    if _interrupts:
        signal.signal(_signal, _interrupt_here)
        # What holds the interpreter's lock for ever leaves its stack alone, a little after the watch's own end.
        out = open(os.path.join(module.out, "trace-%d.stack" % os.getpid()), "w")
        faulthandler.dump_traceback_later(max(.1, _until - time.monotonic() + .3), exit=True, file=out)
    os.register_at_fork(after_in_child=_forked)
    _start()
)PY";

}  // namespace agent
