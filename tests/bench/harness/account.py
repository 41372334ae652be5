"""The user that PostgreSQL runs as. Debian's package makes it; a PostgreSQL from elsewhere may not have."""
import contextlib
import pwd

from harness.processes import run

NAME = "postgres"


@contextlib.contextmanager
def present():
    """A user made for the bench goes with it."""
    try:
        pwd.getpwnam(NAME)
        made = False
    except KeyError:
        run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/sh", NAME)
        made = True
    try:
        yield
    finally:
        if made:
            run("userdel", NAME)
