"""Apache Spark as the engine of a cluster: the same stages, put into its dialect word for word.

Exists so that a bureau's operations run where other people already keep machines running. A
stage's text is written once, for DuckDB, and transpiled; there is no second text. Everything on
the wire and on the cluster's disks is encrypted, and a session that does not promise it is given
nothing (`engine.private`). What is kept between stages can be made again from where it came, so a
worker that dies changes nothing in the result.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot

from onward.engine.cores import cores
from onward.engine.parquet import Input, Inputs, ParquetTable, row_count
from onward.engine.private import (
    REQUIRED,
    PrivateFolder,
    new_secret,
    refuse_identity,
    require_private,
    secret_of,
)
from onward.engine.stages import Stage, StageResult
from onward.errors import OnwardError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOCAL = "local[*]"
SECRET_FILE = Path("~/.onward/spark.secret")
"""Where tools/spark-cluster.sh keeps a cluster's secret, readable by its owner only."""

SMALL_ROWS = 200_000
"""With no more input rows than this, what is kept between stages is held by the process that
asks: to hand it out and fetch it again would take longer than to compute it."""

LARGE_HAS_FEWER = 10
"""In a larger chain a stage is small when it reads a tenth of that: what is kept of several such
stages is in the memory of the process that asks, and once more in every task it is sent with."""

ROWS_A_PIECE = 2_000_000
"""Input rows of a larger chain for each piece that its shuffles are cut into."""

LOOPBACK = "127.0.0.1"
SMALL_SETTINGS: Mapping[str, str | None] = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # In one piece, two sides that are joined lie side by side already: to send one of them out
    # would be a job of its own.
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}
"""How a small chain runs: in one piece, interpreted. To compile a plan costs more than it saves."""

LARGE_SETTINGS: Mapping[str, str | None] = {
    # Rows given in memory become a part of every plan that reads them: only where few.
    "spark.sql.execution.arrow.localRelationThreshold": "2MB",
    # What is held lies by its first column in as many pieces as anything else: joined and grouped
    # by it, nothing moves. Pieces put together by their size would each have to be cut again.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "2MB",
}
"""How a larger chain runs."""

ENDS = "-XX:+ExitOnOutOfMemoryError"
"""Java that has no memory left ends, and is said to have; otherwise one of its threads is gone and
everybody waits for it."""

ROOM = "-XX:MetaspaceSize=256m"
"""For what is made of hundreds of plans."""

QUICK_JAVA = f"{ROOM} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Where rows are few: all compiled quickly rather than well, memory tidied by one thread."""

HOT = (
    "-XX:Tier4InvocationThreshold=500000 -XX:Tier4MinInvocationThreshold=60000 "
    "-XX:Tier4CompileThreshold=1500000 -XX:Tier4BackEdgeThreshold=4000000"
)
"""Compiled well is only what runs a hundred times more often than Java asks for by itself: what every
plan runs, and not what is made for one of them and then forgotten, which takes as long as it saves."""

CIPHERS = (
    "-XX:CompileCommand=quiet "
    "-XX:CompileCommand=CompileThresholdScaling,com/sun/crypto/provider/*.*,0.005"
)
"""But what encrypts is compiled well at once: only then does Java use the processor's own AES."""

LARGE_JAVA = f"{ROOM} {HOT} {CIPHERS} -XX:+UseParallelGC"
"""Where rows are many: memory tidied by all threads, while nothing else runs. To tidy beside the
work, as Java does by itself, took a seventh of all processor time on two cores."""

QUIET_LOG = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %c{1}: %m%n%throwable{short.message}
"""


SPARK_VERSION = "4.3.0"
"""What the stages are held with between them (`_hold`) is not of Spark's public interface and may
be another in any other version, so another version is refused."""


class EngineMissing(OnwardError):
    """What Spark needs is not installed here."""


class ClusterFailed(OnwardError):
    """The cluster could not finish; nothing of it is kept."""


@functools.lru_cache(maxsize=4096)
def spark_sql(sql: str) -> str:
    """A stage's text in Spark's dialect: the same names, conditions and order of rows."""
    return _read(sql).text


@dataclass(frozen=True)
class _Text:
    """A stage in Spark's dialect.

    tables     what it names
    ordered_by the one column its rows are in order of, where that is all that is said of order
    unordered  the same text without that order
    """

    text: str
    tables: frozenset[str]
    ordered_by: str = ""
    unordered: str = ""


@functools.lru_cache(maxsize=4096)
def _read(sql: str) -> _Text:
    tree = sqlglot.parse_one(sql, read="duckdb")
    names = frozenset(table.name for table in tree.find_all(sqlglot.exp.Table))
    text, by = tree.sql(dialect="spark"), _order_of(tree)
    if not by:
        return _Text(text, names)
    tree.set("order", None)
    return _Text(text, names, by, tree.sql(dialect="spark"))


def _order_of(tree: sqlglot.Expression) -> str:
    """The column of its own that a SELECT puts its rows in order of, rising; "": anything else."""
    order = tree.args.get("order")
    if not isinstance(tree, sqlglot.exp.Select) or order is None or tree.args.get("limit"):
        return ""
    keys = order.expressions
    by = keys[0].this
    rising = len(keys) == 1 and not (
        keys[0].args.get("desc") or keys[0].args.get("nulls_first")
    )
    if not rising or not isinstance(by, sqlglot.exp.Column):
        return ""
    named = [one.unalias() for one in tree.expressions if one.alias_or_name == by.name]
    is_it = named == [by] if named else any(one.is_star for one in tree.expressions)
    return str(by.name) if is_it else ""


class SparkEngine:
    """Runs stages on Spark. One session for each process; stop it with `close`.

    master      "local[2]" for this machine alone, or a cluster as "spark://127.0.0.1:7077"
    memory_gb   for the process that asks and, each, for every worker's executor
    partitions  pieces that a shuffle is cut into; None: twice the cores
    secret      file with the cluster's secret; None: where tools/spark-cluster.sh keeps it
    small_rows  up to how many input rows a chain counts as small (`SMALL_ROWS`)
    java        options for the Java machine of the process that asks: `QUICK_JAVA` where rows are
                few
    raises      EngineMissing without Spark or Java; ClusterRefused when the session that came
                up does not encrypt
    """

    def __init__(
        self,
        *,
        master: str = LOCAL,
        memory_gb: float = 3.0,
        partitions: int | None = None,
        secret: Path | None = None,
        small_rows: int = SMALL_ROWS,
        java: str = LARGE_JAVA,
    ) -> None:
        if memory_gb <= 0:
            raise ValueError(f"memory_gb is {memory_gb:g}; expected more than 0")
        self.master = master
        self.memory_gb = memory_gb
        self.small_rows = small_rows
        self._spark = _session(master, memory_gb, partitions, secret, java)
        running = dict(self._spark.sparkContext.getConf().getAll())
        try:
            require_private(running)
        except OnwardError:
            self.close()
            raise

    @property
    def session(self) -> SparkSession:
        return self._spark

    def settings(self) -> dict[str, str]:
        """What the session really runs with, the secret left out."""
        found = dict(self._spark.sparkContext.getConf().getAll())
        return {name: value for name, value in found.items() if "secret" not in name}

    def run(
        self, stages: Sequence[Stage], inputs: Inputs, outputs: Sequence[str]
    ) -> dict[str, pa.Table]:
        with self._chain(stages, inputs) as frames:
            return {name: frames.gathered(name) for name in outputs}

    def write(
        self, stages: Sequence[Stage], inputs: Inputs, outputs: Mapping[str, Path]
    ) -> dict[str, int]:
        """The tables of some stages as Parquet, written by the workers; returns their rows.

        outputs  stage -> a folder that does not exist yet
        """
        with self._chain(stages, inputs) as frames:
            for name, folder in outputs.items():
                frames[name].write.mode("errorifexists").parquet(str(folder.absolute()))
        return {name: ParquetTable(folder).rows() for name, folder in outputs.items()}

    def trace(
        self, stages: Sequence[Stage], inputs: Inputs, *, rows: int = 5
    ) -> Iterator[StageResult]:
        with self._chain(stages, inputs) as frames:
            for stage in stages:
                frame = frames[stage.name]
                yield StageResult(stage, frame.count(), plain(frame.limit(int(rows)).toArrow()))

    def map_blocks(
        self,
        work: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]],
        tasks: pa.Table,
        gives: pa.Schema,
        *,
        pieces: int | None = None,
        stages: Sequence[Stage] = (),
        name: str = "mapped",
        outputs: Sequence[str] = (),
    ) -> dict[str, pa.Table]:
        """Rows of tasks turned into rows by the workers, then read by stages under `name`.

        work     sent to every worker, so a plain object of a module that is installed there
        gives    the columns that come back
        pieces   how many parts the tasks are cut into; the result is the same for any
        stages   run on what came back, before anything leaves the cluster
        outputs  which tables to return; `name` itself is allowed
        """
        refuse_identity(name, gives)
        spark = self._spark.newSession()
        held: list[_Held] = []
        frames: dict[str, DataFrame] = {}
        with _told():
            try:
                # One task in each part's turn: what takes long is spread evenly.
                parts = pieces or min(tasks.num_rows, 4 * spark.sparkContext.defaultParallelism)
                rows = _frame(spark, tasks).repartition(max(1, parts))
                mapped = rows.mapInArrow(work, _schema_text(gives))
                held.append(_hold(mapped))
                frames[name] = held[-1].frame(spark)
                frames[name].createOrReplaceTempView(name)
                for stage in stages:
                    frames[stage.name] = spark.sql(spark_sql(stage.sql))
                    frames[stage.name].createOrReplaceTempView(stage.name)
                return {name: plain(frames[name].toArrow()) for name in outputs}
            finally:
                _let_go(held)

    def close(self) -> None:
        """Stop the session and remove its private folder."""
        _stop(self._spark)

    @contextmanager
    def _chain(self, stages: Sequence[Stage], inputs: Inputs) -> Iterator[_Asked]:
        """Every stage as a frame, in a session that no other run can see.

        Each stage by itself runs as a small one or as a large one, by the rows it reads.
        """
        for name, table in inputs.items():
            refuse_identity(
                name, table.schema() if isinstance(table, ParquetTable) else table.schema
            )
        there = sum(row_count(table) for table in inputs.values())
        most = (
            self.small_rows if there <= self.small_rows else self.small_rows // LARGE_HAS_FEWER
        )
        held: list[_Held] = []
        frames: dict[str, DataFrame] = {}
        # What each stage reads in the end: rows that are there, by name.
        reads: dict[str, dict[str, int]] = {}
        ordered: dict[str, str] = {}
        running: Mapping[str, str | None] = {}

        def is_small(name: str) -> bool:
            nonlocal running
            small = sum(reads[name].values()) <= most
            wanted = SMALL_SETTINGS if small else usual
            if wanted is not running:
                _set(spark, wanted)
                running = wanted
            return small

        def leaf(name: str, frame: DataFrame, rows: int) -> DataFrame:
            reads[name] = {name: rows}
            # In one piece, nothing has to be brought together before it is joined or grouped.
            frame = frame.coalesce(1) if rows <= most else frame
            frame.createOrReplaceTempView(name)
            return frame

        try:
            spark = self._spark.newSession()
            if there > self.small_rows:
                pieces = max(
                    int(spark.conf.get("spark.sql.shuffle.partitions") or 1),
                    there // ROWS_A_PIECE,
                )
                _set(spark, {**LARGE_SETTINGS, "spark.sql.shuffle.partitions": str(pieces)})
            usual = {name: spark.conf.get(name, None) for name in SMALL_SETTINGS}
            for name, table in inputs.items():
                rows = row_count(table)
                frame = _frame(spark, table)
                if rows > most and not isinstance(table, ParquetTable):
                    # Handed out once, and not again with every task that reads it.
                    held.append(_hold(_spread(frame)))
                    held[-1].count()
                    frame = held[-1].frame(spark)
                leaf(name, frame, rows)
            for stage in stages:
                said = _read(stage.sql)
                reads[stage.name] = {
                    source: rows
                    for read in said.tables
                    for source, rows in reads.get(read, {}).items()
                }
                small = is_small(stage.name)
                if said.ordered_by and not small:
                    # To be put in order by the workers, rows are computed twice and sent once
                    # more: so whoever gathers them does it.
                    ordered[stage.name] = said.ordered_by
                    frame = spark.sql(said.unordered)
                else:
                    frame = spark.sql(said.text)
                if not stage.keep:
                    frame.createOrReplaceTempView(stage.name)
                elif small:
                    table = frame.toArrow()
                    frame = _frame(spark, table, frame.schema)
                    frame = leaf(stage.name, frame, table.num_rows)
                else:
                    held.append(_hold(_spread(frame)))
                    rows = held[-1].count()
                    frame = leaf(stage.name, held[-1].frame(spark), rows)
                frames[stage.name] = frame
            yield _Asked(frames, ordered, is_small)
        except OnwardError:
            raise
        except Exception as error:
            raise _failure(error) from None
        finally:
            _let_go(held)


@dataclass(frozen=True)
class _Asked:
    """The frames of a chain; the session is set for the one that is asked for."""

    frames: Mapping[str, DataFrame]
    ordered: Mapping[str, str]
    prepare: Callable[[str], bool]

    def __getitem__(self, name: str) -> DataFrame:
        self.prepare(name)
        return self.frames[name]

    def gathered(self, name: str) -> pa.Table:
        """The rows here, in the order that the stage's text says."""
        table = plain(self[name].toArrow())
        if name not in self.ordered:
            return table
        # What is unknown comes last, as the text says where it says nothing else.
        return table.take(pc.sort_indices(table[self.ordered[name]])).combine_chunks()


def _set(spark: SparkSession, settings: Mapping[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, value)


def _let_go(held: Sequence[_Held]) -> None:
    """What was held is forgotten; a cluster that is gone has nothing left to forget."""
    for rows in held:
        with suppress(Exception):
            rows.let_go()


@contextmanager
def _told() -> Iterator[None]:
    """What Spark raises, in words."""
    try:
        yield
    except OnwardError:
        raise
    except Exception as error:
        raise _failure(error) from None


def _failure(error: Exception) -> Exception:
    known = type(error).__module__.partition(".")[0] in ("pyspark", "py4j")
    gone = isinstance(error, ConnectionError)  # Java has ended
    return ClusterFailed(_reason(error)) if known or gone else error


def _schema_text(schema: pa.Schema) -> str:
    """A schema as Spark reads it."""
    names = {pa.string(): "string", pa.int32(): "int", pa.int64(): "bigint",
             pa.float64(): "double", pa.date32(): "date", pa.bool_(): "boolean"}  # fmt: skip
    return ", ".join(f"`{field.name}` {names[field.type]}" for field in schema)


def _frame(spark: SparkSession, table: Input, schema: Any = None) -> DataFrame:
    if isinstance(table, ParquetTable):
        return spark.read.parquet(*(str(file.absolute()) for file in table.files))
    decoded = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    if not table.num_rows:
        # A table read back from a cache may be empty down to its last chunk; Spark wants one.
        decoded = [column.combine_chunks() for column in decoded]
    return spark.createDataFrame(pa.table(decoded, names=table.column_names), schema)


def _spread(frame: DataFrame) -> DataFrame:
    """The rows by their first column, which is whom or what they are about.

    What comes straight out of a shuffle carries nothing with it. Otherwise every task that reads
    a kept stage is sent the plans of all stages before it, and reading those took a third of a
    fold.
    """
    return frame.repartition(frame[frame.columns[0]])


@dataclass(frozen=True)
class _Held:
    """A frame's rows computed once and held, encrypted on disk, by the workers."""

    rows: Any

    def frame(self, spark: SparkSession) -> DataFrame:
        """The held rows as a leaf: of what they were made from, later stages see nothing."""
        from pyspark.sql import DataFrame as Frame

        inside: Any = spark
        one = inside._jvm.org.apache.spark.sql.classic.Dataset.ofRows(
            inside._jsparkSession, self.rows
        )
        return Frame(one, spark)

    def count(self) -> int:
        """Makes them, where nobody has yet: their number and size are what later stages are
        planned by."""
        builder = self.rows.cacheBuilder()
        builder.cachedColumnBuffers().count()
        return int(builder.materializedRowCount())

    def let_go(self) -> None:
        self.rows.cacheBuilder().clearCache(False)


def _hold(frame: DataFrame) -> _Held:
    """Hold a frame's rows, by columns, when they are first read.

    First the rows become a leaf of their own: otherwise every stage would carry the plans of all
    before it many times over. Then that leaf is held, so that whoever reads two columns is given
    two. Spark's own way to cut a plan short (`localCheckpoint`) forgets how the rows were made;
    what is held here can be made again when a worker is lost. Not `persist`: it puts the rows
    into a list by which every later plan is searched, part by part, for what is held already.
    """
    spark: Any = frame.sparkSession
    sql, given = spark._jvm.org.apache.spark.sql, frame._jdf
    rows = given.queryExecution().toRdd()
    leaves = getattr(getattr(sql.execution, "LogicalRDD$"), "MODULE$")
    leaf = leaves.fromDataset(rows, given, False, False)
    where, order = _lies(given.queryExecution().executedPlan())
    if where is not None:
        some = spark._jvm.scala.Option.apply
        leaf = leaves.apply(
            leaf.output(), rows, where, order, False, some(None), spark._jsparkSession,
            some(leaf.computeStats()), some(leaf.constraints()), False,
        )  # fmt: skip
    of_leaf = sql.classic.Dataset.ofRows(spark._jsparkSession, leaf)
    relation = getattr(sql.execution.columnar, "InMemoryRelation$")
    held = getattr(relation, "MODULE$").apply(
        spark._jvm.org.apache.spark.storage.StorageLevel.MEMORY_AND_DISK(),
        of_leaf.queryExecution(),
        spark._jvm.scala.Option.empty(),
    )
    return _Held(held)


def _lies(plan: Any) -> tuple[Any, Any]:
    """By what the rows of a plan that has run lie in pieces, and in what order within them.

    A plan that adapts itself while it runs says of neither anything; the one that it became does.
    Whoever is not told sends and sorts the rows again each time they are joined or grouped. Only
    pieces by hash, and no pieces cut or put together since, are taken at their word.
    """
    if plan.getClass().getSimpleName() == "AdaptiveSparkPlanExec":
        plan = plan.executedPlan()
    where = plan.outputPartitioning()
    while where.getClass().getSimpleName() == "PartitioningCollection":
        where = where.partitionings().head()
    if where.getClass().getSimpleName() != "HashPartitioning":
        return None, None
    return where, plan.outputOrdering()


def plain(table: pa.Table) -> pa.Table:
    """The table with the types DuckDB gives: no column promised to be full, plain lists."""
    fields = [pa.field(field.name, _plain_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields)).combine_chunks()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return pa.list_(_plain_type(kind.value_type)) if pa.types.is_list(kind) else kind


def _reason(error: Exception) -> str:
    """Why the cluster stopped, without a value of anybody's record."""
    condition = ""
    for name in ("getCondition", "getErrorClass"):
        if hasattr(error, name):
            condition = str(getattr(error, name)() or "")
            if condition:
                break
    what = condition or type(error).__name__
    return (
        f"The cluster could not finish ({what}). Nothing was kept. If it ran out of memory, allow "
        "more (ONWARD_MEMORY_GB) or add workers; if it was stopped, start it again."
    )


# ---------------------------------------------------------------------------------------------
# The session of this process
# ---------------------------------------------------------------------------------------------

_LOCK = threading.Lock()
_ONE: dict[str, Any] = {}


def _session(
    master: str, memory_gb: float, partitions: int | None, secret: Path | None, java: str
) -> SparkSession:
    with _LOCK:
        if _ONE:
            if _ONE["master"] != master:
                raise OnwardError(
                    f"This process already runs on {_ONE['master']}; it cannot run on {master} too."
                )
            _ONE["users"] += 1
            running: SparkSession = _ONE["spark"]
            return running
        _require_installed()
        folder = PrivateFolder()
        try:
            wanted = session_settings(
                master, folder.path, memory_gb=memory_gb, partitions=partitions,
                secret=None if is_local(master) else secret_of((secret or SECRET_FILE).expanduser()),
                java=java,
            )  # fmt: skip
            spark = _launch(wanted, folder)
        except BaseException:
            folder.remove()
            raise
        _ONE.update(master=master, spark=spark, folder=folder, users=1)
        atexit.register(_stop, spark, True)
        return spark


def is_local(master: str) -> bool:
    return master.startswith("local")


def session_settings(
    master: str,
    folder: Path,
    *,
    memory_gb: float,
    partitions: int | None = None,
    secret: str | None = None,
    java: str = "",
) -> dict[str, str]:
    """What a session is asked to run with; every file it may write lies in `folder`."""
    memory = f"{round(memory_gb * 1024)}m"
    host = LOOPBACK if is_local(master) or LOOPBACK in master or "localhost" in master else ""
    settings = {
        **REQUIRED,
        "spark.master": master,
        "spark.app.name": "onward",
        "spark.submit.deployMode": "client",
        "spark.driver.memory": memory,
        "spark.executor.memory": memory,
        "spark.driver.maxResultSize": memory,
        "spark.authenticate.secret": secret or new_secret(),
        "spark.io.encryption.keySizeBits": "256",
        "spark.network.crypto.cipher": "AES/GCM/NoPadding",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": str(partitions or 2 * cores()),
        "spark.default.parallelism": str(partitions or 2 * cores()),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.ansi.enabled": "true",
        # Dates before 1582 stand for "now unknown" and must come back as they went in.
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # The planner would compute what it can on rows that are here, once for every stage that
        # reads them, and again each time a plan is looked at: most of the time of a small fold.
        "spark.sql.optimizer.excludedRules": (
            "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation"
        ),
        # An error must not repeat the value that caused it into a log.
        "spark.sql.error.messageFormat": "MINIMAL",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": (
            f"-Dlog4j2.configurationFile=file:{folder / 'log4j2.properties'} "
            f"-Djava.io.tmpdir={folder} -Dderby.system.home={folder} {ENDS} {java}".strip()
        ),
        "spark.executor.extraJavaOptions": f"{ENDS} {LARGE_JAVA}",
    }
    if host:
        settings |= {"spark.driver.host": host, "spark.driver.bindAddress": host}
    return settings


def _launch(settings: Mapping[str, str], folder: PrivateFolder) -> SparkSession:
    """Start the session with its settings in a private file: a command line is public."""
    from pyspark.sql import SparkSession

    folder.write("log4j2.properties", QUIET_LOG)
    lines = [f"{name} {value}" for name, value in settings.items()]
    file = folder.write("spark.conf", "\n".join(lines) + "\n")
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    asked = {
        **python,
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {file} pyspark-shell",
        "SPARK_LOCAL_DIRS": str(folder.path),
        "SPARK_LAUNCHER_OPTS": "-Xshare:auto",
    }
    if settings.get("spark.driver.host") == LOOPBACK:
        asked["SPARK_LOCAL_IP"] = LOOPBACK
    before = {name: os.environ.get(name) for name in asked}
    os.environ.update(asked)
    try:
        with _errors_to(folder.path / "driver.log"):
            return SparkSession.builder.getOrCreate()
    except Exception as error:
        shown = (folder.path / "driver.log").read_text("utf-8", "replace")[-600:]
        raise ClusterFailed(
            f"Spark did not start on {settings['spark.master']} ({type(error).__name__}). Is the "
            f"cluster up (tools/spark-cluster.sh start)? Its last words: {shown.strip()}"
        ) from None
    finally:
        file.unlink(missing_ok=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _errors_to(path: Path) -> Iterator[None]:
    """Whatever is started meanwhile writes its errors to a private file, not to the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.dup2(log, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(log)


def _require_installed() -> None:
    import importlib.metadata
    import importlib.util

    if importlib.util.find_spec("pyspark") is None:
        raise EngineMissing(
            "Spark is not installed here. Install it with: pip install 'onward[spark]' "
            "(or leave --engine out: one machine needs no Spark)."
        )
    found = importlib.metadata.version("pyspark")
    if found != SPARK_VERSION:
        raise EngineMissing(
            f"Spark {found} is installed here; Onward runs on {SPARK_VERSION} and on no other: what "
            "it holds between stages could be lost unseen. Install it with: pip install "
            f"'pyspark=={SPARK_VERSION}' (or leave --engine out: one machine needs no Spark)."
        )
    home = os.environ.get("JAVA_HOME", "")
    if not (home and (Path(home) / "bin" / "java").exists()) and shutil.which("java") is None:
        raise EngineMissing(
            "Spark needs Java 17 or later. On Debian: apt-get install openjdk-17-jre-headless "
            "(or leave --engine out: one machine needs no Spark)."
        )


def _stop(spark: SparkSession, always: bool = False) -> None:
    with _LOCK:
        if _ONE.get("spark") is not spark:
            return
        _ONE["users"] -= 1
        if _ONE["users"] > 0 and not always:
            return
        folder: PrivateFolder = _ONE["folder"]
        _ONE.clear()
    try:
        gateway = spark.sparkContext._gateway
        with suppress(Exception):  # what has ended by itself cannot be stopped
            spark.stop()
        _end_java(gateway)
    finally:
        folder.remove()


def _end_java(gateway: Any) -> None:
    """End the JVM: it holds the old settings and would keep them for the next session."""
    from pyspark import SparkContext

    process = getattr(gateway, "proc", None)
    with suppress(Exception):
        gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    if process is not None:
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=20)
        except Exception:
            process.kill()


__all__ = ["QUICK_JAVA", "ClusterFailed", "EngineMissing", "SparkEngine", "plain", "spark_sql"]
