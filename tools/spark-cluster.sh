#!/bin/sh
# A Spark cluster of this machine alone: one master and two workers, as separate processes.
#
#   tools/spark-cluster.sh start     then: onward caseload camp --engine spark --master spark://127.0.0.1:7077
#   tools/spark-cluster.sh status
#   tools/spark-cluster.sh stop
#
# ONWARD_SPARK_HOME   where its secret, work and logs lie (~/.onward); only you can enter it
# SPARK_PORT          the master's port (7077)
# SPARK_WORKERS       how many workers (2), with SPARK_WORKER_CORES (1) and SPARK_WORKER_MEMORY (3g) each
#
# Everything listens on 127.0.0.1, every wire is authenticated and encrypted, the secret stands in
# a file of mode 600 and on no command line, and stop removes whatever the workers wrote.
set -eu

home=${ONWARD_SPARK_HOME:-$HOME/.onward}
run=$home/spark-cluster
secret=$home/spark.secret
port=${SPARK_PORT:-7077}
workers=${SPARK_WORKERS:-2}
cores=${SPARK_WORKER_CORES:-1}
memory=${SPARK_WORKER_MEMORY:-3g}
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
[ -x "$python" ] || python=python3
umask 077

alive() { [ -s "$run/pids" ] && while read -r _ pid; do kill -0 "$pid" 2>/dev/null && return 0; done < "$run/pids"; }

stop() {
    [ -s "$run/pids" ] || { echo "No cluster was started from $run."; return 0; }
    while read -r _ pid; do kill "$pid" 2>/dev/null || true; done < "$run/pids"
    tries=0
    while alive && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    while read -r _ pid; do kill -9 "$pid" 2>/dev/null || true; done < "$run/pids"
    rm -rf "$run"
    echo "Stopped; its work is removed."
}

start() {
    if alive; then echo "A cluster is already up on spark://127.0.0.1:$port; stop it first." >&2; exit 1; fi
    spark=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))') || {
        echo "Spark is not installed for $python: pip install 'onward[spark]'" >&2; exit 1; }
    command -v java >/dev/null || { echo "Java 17 is missing: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
    rm -rf "$run"
    mkdir -p "$run/work" "$run/local"
    chmod 700 "$home" "$run"
    [ -s "$secret" ] || "$python" -c 'import secrets; print(secrets.token_hex(32))' > "$secret"
    cat > "$run/spark.conf" <<CONF
spark.authenticate true
spark.authenticate.secret $(cat "$secret")
spark.network.crypto.enabled true
spark.network.crypto.cipher AES/GCM/NoPadding
spark.io.encryption.enabled true
spark.master.rest.enabled false
spark.ui.killEnabled false
spark.worker.cleanup.enabled true
CONF
    printf '%s\n' 'rootLogger.level = error' 'rootLogger.appenderRef.e.ref = e' \
        'appender.e.type = Console' 'appender.e.name = e' 'appender.e.target = SYSTEM_ERR' \
        'appender.e.layout.type = PatternLayout' \
        'appender.e.layout.pattern = %c{1}: %m%n%throwable{short.message}' > "$run/log4j2.properties"
    export SPARK_HOME="$spark" SPARK_LOCAL_IP=127.0.0.1 SPARK_PUBLIC_DNS=127.0.0.1
    export SPARK_LOCAL_DIRS="$run/local" SPARK_WORKER_DIR="$run/work" SPARK_DAEMON_MEMORY=384m
    export SPARK_DAEMON_JAVA_OPTS="-Dlog4j2.configurationFile=file:$run/log4j2.properties"
    export PYSPARK_PYTHON="$python"
    launch master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "$port" --webui-port 0
    wait_for_port
    number=1
    while [ "$number" -le "$workers" ]; do
        launch "worker" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
            --cores "$cores" --memory "$memory" --work-dir "$run/work/$number" "spark://127.0.0.1:$port"
        number=$((number + 1))
    done
    echo "Up on spark://127.0.0.1:$port with $workers workers; secret in $secret."
}

# launch NAME CLASS ARGUMENT...: its process id is kept, its errors go to a private file.
launch() {
    name=$1 class=$2
    shift 2
    nohup "$SPARK_HOME/bin/spark-class" "$class" --properties-file "$run/spark.conf" "$@" \
        > /dev/null 2>> "$run/log" < /dev/null &
    echo "$name $!" >> "$run/pids"
}

wait_for_port() {
    tries=0
    until "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 240 ] && alive || { echo "The master did not start:" >&2; tail -5 "$run/log" >&2; stop >&2; exit 1; }
        sleep 0.5
    done
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    status) if alive; then echo "Up on spark://127.0.0.1:$port"; cat "$run/pids"; else echo "Not up."; exit 1; fi ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
