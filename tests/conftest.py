"""What every test relies on, whatever started the run."""

import signal

from hypothesis import settings

# A machine that does other work as well is slow now and then; that is no finding.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ["tests.support.fault_record", "tests.support.fuzzing"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control ignores SIGINT in what it starts with "&", and an ignored signal
    # is inherited: the servers under test would rightly ignore it as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
