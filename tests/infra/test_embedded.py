"""The service's own PostgreSQL, tried with real processes: as root, as an ordinary user, and where root is hemmed in."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import py_compile
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from infra import embedded
from infra.embedded import EmbeddedPostgresError, start, start_in_background

# Real servers, killed for real: it takes its time.
pytestmark = pytest.mark.fault

ROOT = os.geteuid() == 0
LIBC = ctypes.CDLL(None, use_errno=True)
ACCOUNTS = ("root", "root without namespaces", "ordinary user") if ROOT else ("ordinary user",)
HANDOVER = ("root without namespaces", "root") if ROOT else ("ordinary user", "ordinary user")
UNSHARE = 272 if os.uname().machine == "x86_64" else 97  # the kernel's generic table, which newer architectures share
USER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from embedded import start
try:
    cluster = start(Path(sys.argv[2]))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
print(cluster.dsn, flush=True)
for order in sys.stdin:
    for _ in range(int(order)):
        cluster.release()
        cluster = start(Path(sys.argv[2]))
        assert cluster._place.answers()
    if order == "0\\n":
        cluster.release()
    print("done", flush=True)
"""


def refuse_namespaces() -> None:
    """What Docker's default profile does: unshare() fails with EPERM, for this process and all it starts."""
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, UNSHARE), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    wanted = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    LIBC.prctl(38, 1, 0, 0, 0)
    assert LIBC.prctl(22, 2, wanted, 0, 0) == 0


def copied(cluster: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", str(cluster), str(target)], check=True)
    return target


class User:
    """Another process that uses the server."""

    def __init__(self, command: list[str], code: Path, data_dir: Path, **how: object) -> None:
        words = [*command, "-c", USER, str(code), str(data_dir)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(words, text=True, cwd="/", start_new_session=True, **pipes, **how)  # type: ignore[call-overload]
        self.data_dir = data_dir
        self.answer = ""

    def dsn(self) -> str:
        if not self.answer:
            self.answer = self.process.stdout.readline().strip()
        assert self.answer.startswith("postgresql://"), self.answer or self.process.stderr.read()
        return self.answer

    def complaint(self) -> str:
        text: str = self.process.communicate(timeout=20)[1]
        return text

    def tell(self, times: int) -> None:
        """Have it release and start so many times; 0: release only."""
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()

    def is_done(self) -> bool:
        return bool(self.process.stdout.readline() == "done\n")

    def leave(self) -> None:
        self.tell(0)
        assert self.is_done(), self.process.stderr.read()
        self.process.communicate(timeout=20)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


class Stage:
    """A folder any user may enter, with the code, an interpreter and the wheel in reach, and a cluster to copy."""

    def __init__(self, home: Path, data: Path) -> None:
        self.home, self.data = home, data
        home.chmod(0o755)
        data.chmod(0o755)
        (home / "code").mkdir()
        shutil.copy(embedded.__file__, home / "code" / "embedded.py")
        self.python = sys.executable
        py_compile.compile(str(home / "code" / "embedded.py"))
        self.users: list[User] = []
        self.copier = ThreadPoolExecutor(1)
        self.copies: deque[Future[Path]] = deque()  # made ahead, while the tests mostly wait for processes
        if ROOT and not self._nobody_can_run(sys.executable):
            self.python = self._copy_of_python()

    def _nobody_can_run(self, python: str) -> bool:
        question = f"from importlib.util import find_spec as f; open(f({embedded.WHEEL[0]!r}).origin)"
        with contextlib.suppress(OSError):
            return not subprocess.run([python, "-c", question], user="nobody", check=False, cwd="/").returncode
        return False

    def _copy_of_python(self) -> str:
        def link(source: str, target: str) -> None:
            try:
                os.link(os.path.realpath(source), target)
            except OSError:
                shutil.copy(source, target)

        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        copy, library = self.home / "python", Path(os.__file__).parent
        left_out = shutil.ignore_patterns(
            "site-packages", "test", "tests", "idlelib", "tkinter", "config-*", "ensurepip"
        )
        shutil.copytree(library, copy / "lib" / version, copy_function=link, ignore=left_out)
        for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
            link(str(shared), str(copy / "lib" / shared.name))
        spec = find_spec(embedded.WHEEL[0])
        assert spec is not None and spec.origin is not None
        package = Path(spec.origin).parent
        for folder in (package, package.with_name(package.name + ".libs")):
            if folder.exists():
                target = copy / "lib" / version / "site-packages" / folder.name
                shutil.copytree(folder, target, copy_function=link, symlinks=True)
        (copy / "bin").mkdir()
        link(os.path.realpath(sys.executable), str(copy / "bin" / version))
        return str(copy / "bin" / version)

    def copy_ahead(self, cluster: Path) -> None:
        target = Path(tempfile.mkdtemp(dir=self.data)) / "postgres"
        self.copies.append(self.copier.submit(copied, cluster, target))

    def folder(self, name: str, account: str = "root", cluster: Path | None = None) -> Path:
        """A new data folder that `account` may use, with a copy of `cluster` in it."""
        data_dir = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.data)) / "data"
        data_dir.parent.chmod(0o755)
        data_dir.mkdir(mode=0o700)
        if cluster:
            self.copy_ahead(cluster)
            self.copies.popleft().result().rename(data_dir / "postgres")
        if account == "ordinary user" and ROOT:
            for path, folders, files in os.walk(data_dir):
                for entry in [*folders, *files, "."]:
                    shutil.chown(os.path.join(path, entry), "nobody")
        return data_dir

    def user(
        self, data_dir: Path, account: str = "root", *, prefix: tuple[str, ...] = (), flags: tuple[str, ...] = (),
        code: Path | None = None,
    ) -> User:  # fmt: skip
        how: dict[str, object] = {}
        if account == "ordinary user" and ROOT:
            how = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
            how["env"] = {**os.environ, "LD_LIBRARY_PATH": str(self.home / "python" / "lib")}
        if account == "root without namespaces":
            how = {"preexec_fn": refuse_namespaces}
        self.users.append(User([*prefix, self.python, *flags], code or self.home / "code", data_dir, **how))
        return self.users[-1]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # Thirty clusters of a thousand files: on a disk, making them takes far longer than what is tried here.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4 << 30 else None
    home, data = Path(tempfile.mkdtemp(prefix="embedded-")), Path(tempfile.mkdtemp(prefix="embedded-", dir=memory))
    stage = Stage(home, data)
    yield stage
    stage.copier.shutdown()
    for folder in (home, data):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def nobody_is_left_behind(stage: Stage) -> Iterator[None]:
    yield
    for user in stage.users:
        if user.process.poll() is None:
            user.kill()
    until(lambda: not any(postmaster(user.data_dir) for user in stage.users))
    stage.users.clear()


@pytest.fixture(scope="module")
def cluster(stage: Stage) -> Path:
    """The files of a fresh cluster, made by a real first start and stopped cleanly."""
    data_dir = stage.folder("seed")
    with start(data_dir) as first:
        run(first.dsn, "create table note (word text unique, number int)", "insert into note values ('kept', 1)")
    for _ in range(2):
        stage.copy_ahead(data_dir / "postgres")
    return data_dir / "postgres"


def run(dsn: str, *statements: str) -> object:
    """Run statements and return the first value of the last one."""

    async def talk() -> object:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            for statement in statements:
                answer = await connection.fetchval(statement)
            return answer
        finally:
            await connection.close(timeout=5)

    return asyncio.run(talk())


def words(dsn: str) -> object:
    return run(dsn, "select string_agg(word, ' ' order by word) from note")


def until(condition: Callable[[], object], patience: float = 8.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def state(pid: int) -> tuple[str, int]:
    """The state letter of a process and its parent; X when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[1])


def postmaster(data_dir: Path) -> int:
    """The pid of the running server, or 0."""
    try:
        pid = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    except (OSError, IndexError):
        return 0
    return pid if state(pid)[0] not in "XZ" else 0


def restarted(dsn: str) -> bool:
    with contextlib.suppress(OSError, asyncpg.PostgresError):
        return run(dsn, "select 1") == 1
    return False


def test_a_first_start_makes_a_private_database_and_the_next_start_finds_its_rows(stage: Stage) -> None:
    data_dir = stage.folder("cold", "ordinary user")
    first = stage.user(data_dir, "ordinary user")
    run(first.dsn(), "create table note (word text)", "insert into note values ('kept')")
    assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
    first.leave()
    assert not postmaster(data_dir)
    second = stage.user(data_dir, "ordinary user")
    assert words(second.dsn()) == "kept"


@pytest.mark.parametrize("turns", [*((name,) for name in ACCOUNTS), HANDOVER], ids=" then ".join)
def test_whoever_starts_it_finds_its_rows_and_the_files_are_theirs(
    stage: Stage, cluster: Path, turns: tuple[str, ...]
) -> None:
    data_dir = stage.folder("account", turns[0], cluster)
    above = data_dir.parent.stat()
    for account in turns:
        user = stage.user(data_dir, account)
        assert words(user.dsn()) == "kept"
        user.leave()
        owners = {pwd.getpwuid(path.lstat().st_uid).pw_name for path in (data_dir / "postgres").rglob("*")}
        mine = {"root": {"root"}, "ordinary user": {"nobody" if ROOT else pwd.getpwuid(os.geteuid()).pw_name}}
        assert len(owners) == 1 and owners <= mine.get(account, {"postgres", "nobody"})
        assert data_dir.parent.stat()[:6] == above[:6]
    assert data_dir.stat().st_mode & 0o777 == (0o710 if "root without namespaces" in turns else 0o700)


@pytest.mark.parametrize("account", [name for name in ACCOUNTS if name != "root"])
def test_who_may_not_reach_the_folder_is_told_which(stage: Stage, account: str) -> None:
    data_dir = stage.folder("walled", account)
    data_dir.parent.chmod(0o600)
    complaint = stage.user(data_dir, account).complaint()
    data_dir.parent.chmod(0o755)
    if account == "ordinary user":
        assert f"Permission denied: '{data_dir}" in complaint and "--data-dir" in complaint
    else:
        assert f"may not enter {data_dir.parent}," in complaint and "ordinary user" in complaint


def test_six_processes_that_start_at_once_share_one_server(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("six", cluster=cluster)
    users = [stage.user(data_dir) for _ in range(6)]
    servers = {run(user.dsn(), "select pg_postmaster_start_time()") for user in users}
    assert len(servers) == 1


def test_the_first_one_out_leaves_it_running_and_the_last_one_out_stops_it(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("out", cluster=cluster)
    first, last = stage.user(data_dir), stage.user(data_dir)
    dsn = (first.dsn(), last.dsn())[1]
    first.leave()
    assert words(dsn) == "kept"
    last.leave()
    assert not postmaster(data_dir)
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_coming_while_others_go_always_finds_a_server(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("rush", cluster=cluster)
    users = [stage.user(data_dir) for _ in range(3)]
    for user in users:
        user.dsn()
    for user in users:
        user.tell(12)
    for user in users:
        assert user.is_done(), user.process.stderr.read()
        user.leave()
    assert not postmaster(data_dir)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_killed_user_takes_the_server_along_and_no_row_is_lost(stage: Stage, cluster: Path, account: str) -> None:
    data_dir = stage.folder("killed", account, cluster)
    user = stage.user(data_dir, account)
    run(user.dsn(), "insert into note values ('later')")
    server = postmaster(data_dir)
    user.kill()
    until(lambda: state(server)[0] in "XZ")
    assert words(stage.user(data_dir, account).dsn()) == "kept later"


def test_a_killed_server_comes_back_while_it_is_in_use(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("crash", cluster=cluster)
    dsn = stage.user(data_dir).dsn()
    run(dsn, "insert into note values ('later')")
    os.kill(postmaster(data_dir), signal.SIGKILL)
    until(lambda: restarted(dsn))
    assert words(dsn) == "kept later"


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_killed_supervisor_takes_the_server_along_and_the_next_start_works(
    stage: Stage, cluster: Path, account: str
) -> None:
    data_dir = stage.folder("orphan", account, cluster)
    left_alone = stage.user(data_dir, account)
    run(left_alone.dsn(), "insert into note values ('later')")
    server = postmaster(data_dir)
    os.kill(state(server)[1], signal.SIGKILL)
    next_user = stage.user(data_dir, account)
    assert words(next_user.dsn()) == "kept later"
    assert state(server)[0] in "XZ"
    left_alone.leave()
    assert words(next_user.dsn()) == "kept later"


def test_a_start_that_is_killed_half_way_leaves_nothing_running_and_can_be_repeated(stage: Stage) -> None:
    data_dir = stage.folder("halfway")
    for delay in (0.15, 0.3):
        user = stage.user(data_dir)
        time.sleep(delay)
        user.kill()
    until(lambda: embedded._Place(data_dir).left_to_others() and not postmaster(data_dir))
    with start(data_dir, durable=False) as joined:
        assert run(joined.dsn, "select 1") == 1
    assert not [*data_dir.glob("postgres.new-*")]


def test_after_everything_was_killed_a_start_works_even_where_nobody_reaps_the_dead(
    stage: Stage, cluster: Path
) -> None:
    data_dir = stage.folder("massacre", cluster=cluster)
    LIBC.prctl(36, 1, 0, 0, 0)  # orphans come to this process, which, like a container's PID 1, does not wait for them
    try:
        user = stage.user(data_dir)
        run(user.dsn(), "insert into note values ('later')")
        server = postmaster(data_dir)
        supervisor = state(server)[1]
        os.kill(supervisor, signal.SIGSTOP)  # lest it see its child die
        os.kill(server, signal.SIGKILL)
        os.kill(supervisor, signal.SIGKILL)
        user.kill()
        until(lambda: state(server)[0] == "Z")
        assert words(stage.user(data_dir).dsn()) == "kept later"
        assert state(server) == ("Z", os.getpid())
    finally:
        LIBC.prctl(36, 0, 0, 0, 0)
    for pid in (supervisor, server):
        os.waitpid(pid, 0)


def test_a_stale_pid_file_that_names_a_stranger_does_not_confuse_it(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("stranger", cluster=cluster)
    user = stage.user(data_dir)
    run(user.dsn(), "insert into note values ('later')")
    server = postmaster(data_dir)
    os.kill(server, signal.SIGSTOP)
    left = (data_dir / "postgres" / "postmaster.pid").read_text()
    locked = (data_dir / "run" / ".s.PGSQL.5432.lock").read_text()
    os.kill(state(server)[1], signal.SIGKILL)
    os.kill(server, signal.SIGKILL)
    user.kill()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for path, text in (("postgres/postmaster.pid", left), ("run/.s.PGSQL.5432.lock", locked)):
            (data_dir / path).write_text(text.replace(str(server), str(stranger.pid), 1))
        assert words(stage.user(data_dir).dsn()) == "kept later"
        assert stranger.poll() is None
        stranger.kill()


def test_a_pid_file_cut_off_before_its_first_word_does_not_confuse_it(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("empty", cluster=cluster)
    (data_dir / "postgres" / "postmaster.pid").touch()
    assert words(stage.user(data_dir).dsn()) == "kept"


def test_a_folder_with_a_long_or_odd_name_works_and_leaves_nothing_elsewhere(stage: Stage, cluster: Path) -> None:
    with start(stage.folder("long, odd: " + "x" * 100, cluster=cluster), durable=False) as joined:
        assert words(joined.dsn) == "kept"
        sockets = joined._place.sockets
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()


def test_a_folder_that_may_not_be_written_gives_one_clear_error(stage: Stage) -> None:
    data_dir = stage.folder("closed")
    data_dir.chmod(0o555)
    complaint = stage.user(data_dir, "ordinary user").complaint()
    assert complaint.startswith("EmbeddedPostgresError") and "Permission denied" in complaint
    assert str(data_dir) in complaint and "--data-dir" in complaint and "BRAVESPACE_DATABASE_URL" in complaint
    with pytest.raises(EmbeddedPostgresError, match="File exists|Not a directory"):
        start(Path(embedded.__file__) / "data")


def test_a_server_that_can_not_start_says_what_it_logged_to_every_process(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("broken", cluster=cluster)
    (data_dir / "postgres" / "global" / "pg_control").write_bytes(b"")
    for user in [stage.user(data_dir) for _ in range(2)]:
        complaint = user.complaint()
        assert "stopped while starting" in complaint and "pg_control" in complaint and "Way out" in complaint
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    assert "made by PostgreSQL 12" in stage.user(data_dir).complaint()


def test_releasing_twice_is_harmless_and_dropping_the_object_releases_nothing(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("twice", cluster=cluster)
    others = set(embedded._held)
    first, second = start(data_dir, durable=False), start(data_dir, durable=False)
    first.release()
    first.release()
    dsn = second.dsn
    held = embedded._held - others
    del second
    time.sleep(0.1)
    assert words(dsn) == "kept"
    for lock in held:
        lock.close()


def test_starting_in_the_background_returns_before_the_server_is_there(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("meanwhile", cluster=cluster)
    ready = start_in_background(data_dir, durable=False)
    assert not postmaster(data_dir)
    with ready() as joined:
        assert words(joined.dsn) == "kept"
        assert run(joined.dsn, "show fsync") == "off"


def test_text_of_a_record_never_reaches_the_log(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("silent", cluster=cluster)
    with start(data_dir, durable=False) as joined:
        for statement in ("insert into note values ('kept')", "insert into note values ('x', 'SECRET')", "SECRET",
                          "insert into note values ('SECRET'), ('SECRET')", "do $$ begin raise 'SECRET'; end $$",
                          "do $$ begin raise warning 'SECRET'; end $$; select 'SECRET'::json"):  # fmt: skip
            with pytest.raises(asyncpg.PostgresError):
                run(joined.dsn, statement)
    log = (data_dir / "postgres.log").read_text()
    assert "ready to accept connections" in log and "SECRET" not in log and "kept" not in log


def test_a_log_that_grew_large_is_begun_anew(stage: Stage, cluster: Path) -> None:
    data_dir = stage.folder("log", cluster=cluster)
    (data_dir / "postgres.log").write_bytes(b"x" * (embedded.LOG_LIMIT + 1))
    start(data_dir, durable=False).release()
    assert 0 < (data_dir / "postgres.log").stat().st_size < 10_000


def test_without_room_for_shared_memory_it_keeps_it_in_its_own_folder(stage: Stage, cluster: Path) -> None:
    usual = Path(embedded.__file__).read_text()
    code = stage.home / "roomless"
    code.mkdir()
    # Nobody but root can make the real one small; no byte fits into this one, and everybody has it.
    (code / "embedded.py").write_text(usual.replace('"/dev/shm"', '"/proc"'))
    kinds = [
        run(stage.user(stage.folder("shm", cluster=cluster), code=place).dsn(), "show dynamic_shared_memory_type")
        for place in (stage.home / "code", code)
    ]
    assert kinds == ["posix", "mmap"]


def test_without_the_wheel_it_uses_the_newest_server_on_the_machine(stage: Stage) -> None:
    with_it = str(embedded._binaries())
    path = ("env", f"PATH={with_it}:{os.environ['PATH']}")
    user = stage.user(stage.folder("system"), prefix=path, flags=("-S",))
    on_it = [embedded._major(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    assert run(user.dsn(), "select current_setting('server_version_num')::int / 10000") == max(
        [embedded._major(Path(with_it)), *on_it]
    )
