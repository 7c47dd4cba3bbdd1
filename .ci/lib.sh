# What .ci/run, .ci/nightly and their neighbours share. To be sourced from the top of the checkout.
set -euo pipefail
exec </dev/null

golangci_version=v2.15.0
cache=${HOLDFAST_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-ci}
# What the linter knows of other modules: to find it out anew takes it most of its time.
export GOLANGCI_LINT_CACHE=${GOLANGCI_LINT_CACHE:-$cache/lint-facts}
module=github.com/media-gateway/holdfast
# Tests of a neighbour that needs a service (a database, say) must then find it, not skip.
export HOLDFAST_REQUIRE_SERVICES=1

current=""
at_exit=() # commands
finish() {
	local code=$? command
	for command in "${at_exit[@]}"; do eval "$command" || true; done
	if ((code)); then printf "\nFAILED (exit %d): %s\n" "$code" "${current:-setup}" >&2; fi
}
trap finish EXIT

step() { # step "what it does" command...
	current=$1
	shift
	local began=$SECONDS
	printf '\n== %s\n' "$current"
	"$@"
	printf '== ok, %d s\n' "$((SECONDS - began))"
	current=""
}

# The modules of go.work, as directories below the top: ".", "holdfastgrpc", "benchmarks/peers".
modules() {
	go work edit -json go.work | grep -o '"DiskPath": "[^"]*"' | cut -d '"' -f 4 | sed 's|^\./||'
}

# Those of them that are released: the root, and each folder below it that is called holdfast…. The
# others (examples, benchmarks, integration) are for this checkout only.
released() { modules | grep -E '^(\.|holdfast[a-z0-9]+)$'; }

# each_module COMMAND...: runs it in the folder of every module, each on its own and not as a part
# of the workspace.
each_module() {
	local dir dirs failed=0
	dirs=$(modules)
	while IFS= read -r dir; do
		printf -- '-- %s: %s\n' "$dir" "$*"
		(cd "$dir" && GOWORK=off "$@") || failed=1
	done <<<"$dirs"
	return "$failed"
}

# scratch: prints a new folder, which ends with the script.
scratch() { mktemp -d "$scratch_top/XXXXXX"; }
scratch_top=$(mktemp -d)
at_exit+=("chmod -R u+w '$scratch_top'; rm -rf '$scratch_top'") # Go's module caches are not writable

# have NAME...: is any of these commands there?
have() {
	local name
	for name; do
		if command -v "$name" >/dev/null; then return; fi
	done
	return 1
}

install_packages() {
	local packages=() root=() name
	have prometheus && have promtool || packages+=(prometheus)
	have chromium chromium-browser google-chrome google-chrome-stable || packages+=(chromium)
	have psql && { [[ -n ${DATABASE_URL:-} ]] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; } || packages+=(postgresql)
	have mariadb && { [[ -n ${MYSQL_DSN:-} ]] || have mariadbd || [[ -x /usr/sbin/mariadbd ]]; } || packages+=(mariadb-server)
	have redis-cli && { [[ -n ${REDIS_URL:-} ]] || have redis-server; } || packages+=(redis-server)
	[[ -n ${NATS_URL:-} ]] || have nats-server || [[ -x /usr/sbin/nats-server ]] || packages+=(nats-server)
	for name in zsh fish spin npm; do # whose completion is tried, what checks the models, what makes the website and installs axe-core
		have "$name" || packages+=("$name")
	done
	if ((${#packages[@]} == 0)); then
		echo "all are there"
		return
	fi
	if ! have apt-get; then
		printf 'missing: %s. Install them; this script can do so only with apt-get.\n' "${packages[*]}"
		return 1
	fi
	if ((EUID != 0)); then root=(sudo); fi
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
}

# Servers that are there are used as they are. Those that are started here end with the run.
start_services() {
	export DATABASE_URL=${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/test}
	psql "$DATABASE_URL" -qtAc "SELECT 'PostgreSQL ' || current_setting('server_version')" 2>/dev/null || start_postgres
	export MYSQL_DSN=${MYSQL_DSN:-$(find_mariadb)}
	[[ -n $MYSQL_DSN ]] || start_mariadb
	export REDIS_URL=${REDIS_URL:-redis://127.0.0.1:6379}
	redis-cli -u "$REDIS_URL" info server 2>/dev/null | grep '^redis_version' || start_redis
	export NATS_URL=${NATS_URL:-$(find_nats)}
	[[ -n $NATS_URL ]] || start_nats
}

start_postgres() { # one that asks for no password, with a database to test in
	local bin dir as=()
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
	dir=$(mktemp -d)
	if ((EUID == 0)); then # PostgreSQL refuses to run as root
		as=(runuser -u postgres --)
		chown postgres "$dir"
	fi
	"${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust >/dev/null
	at_exit+=("${as[*]} $bin/pg_ctl -D $dir/data -m immediate stop >/dev/null; rm -rf $dir")
	"${as[@]}" "$bin/pg_ctl" -w -D "$dir/data" -l "$dir/log" \
		-o "-p 54329 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir" start
	DATABASE_URL=postgres://postgres@127.0.0.1:54329/test
	psql postgres://postgres@127.0.0.1:54329/postgres -qc 'CREATE DATABASE test'
}

find_mariadb() { # the DSN of one on the usual port that asks for no password
	mariadb -h 127.0.0.1 -P 3306 -u root -e 'CREATE DATABASE IF NOT EXISTS test' 2>/dev/null || return 0
	mariadb -h 127.0.0.1 -P 3306 -u root -Ne "SELECT concat('MariaDB ', version())" >&2
	echo 'root@tcp(127.0.0.1:3306)/test'
}

start_mariadb() { # one that asks for no password, with a database to test in
	local dir as=() client=(mariadb -h 127.0.0.1 -P 33069 -u root)
	dir=$(mktemp -d)
	if ((EUID == 0)); then
		as=(runuser -u mysql --)
		chown mysql "$dir"
	fi
	"${as[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
	"${as[@]}" "$(PATH=$PATH:/usr/sbin command -v mariadbd)" --no-defaults --datadir="$dir/data" --bind-address=127.0.0.1 --port=33069 \
		--socket="$dir/socket" --pid-file="$dir/pid" >"$dir.log" 2>&1 &
	at_exit+=("kill $!; wait $!; rm -rf $dir $dir.log")
	wait_for "${client[@]}" -e 'CREATE DATABASE test'
	MYSQL_DSN='root@tcp(127.0.0.1:33069)/test'
}

start_redis() {
	redis-server --daemonize yes --bind 127.0.0.1 --port 63799 --save "" --appendonly no
	at_exit+=("redis-cli -p 63799 shutdown nosave")
	REDIS_URL=redis://127.0.0.1:63799
	wait_for redis-cli -p 63799 ping
}

# nats_greets PORT: prints the greeting of a NATS server there that has JetStream.
nats_greets() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r -t 5 -u 3 info && grep -o '"jetstream":true' <<<"$info") 2>/dev/null; }

find_nats() { # the URL of one on the usual port
	nats_greets 4222 >&2 || return 0
	echo nats://127.0.0.1:4222
}

start_nats() { # one with JetStream, whose streams end with the run
	local dir
	dir=$(mktemp -d)
	"$(PATH=$PATH:/usr/sbin command -v nats-server)" -a 127.0.0.1 -p 42229 -js -sd "$dir" >"$dir/log" 2>&1 &
	at_exit+=("kill $!; wait $!; rm -rf $dir")
	NATS_URL=nats://127.0.0.1:42229
	wait_for nats_greets 42229
}

# wait_for COMMAND...: until it succeeds, for a minute at the most: a server may have died.
wait_for() {
	local said until=$((SECONDS + 60))
	until said=$("$@" 2>&1); do
		if ((SECONDS >= until)); then
			printf 'after a minute it still fails: %s\n%s\n' "$*" "$said"
			return 1
		fi
		sleep 0.1
	done
}

# axe-core checks the live page by the rules of WCAG. Nothing of it is in this repository.
axe_version=4.14.1
install_axe() {
	local dir=$cache/axe-core-$axe_version
	export HOLDFAST_AXE=$dir/node_modules/axe-core/axe.min.js
	if [[ -f $HOLDFAST_AXE ]]; then
		echo "there already: $HOLDFAST_AXE"
		return
	fi
	mkdir -p "$dir"
	npm install --prefix "$dir" --no-save --ignore-scripts --no-audit --no-fund "axe-core@$axe_version"
}

install_golangci() {
	local dir=$cache/golangci-lint-$golangci_version-$(go env GOVERSION)
	lint=$dir/golangci-lint
	if [[ -x $lint ]]; then
		echo "there already: $lint"
		return
	fi
	mkdir -p "$dir"
	# Outside of the workspace, whose modules are not the linter's business.
	GOWORK=off GOBIN=$dir go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_version"
}

# wide COMMAND...: runs a go command that works on one package more at a time than there are
# processors. About one package in eight waits most of its time: for time-outs of databases, for a
# browser, for Prometheus. The tests of a package may take half an hour, since the machine may be a
# busy one.
wide() {
	local -x GOFLAGS
	GOFLAGS="$(go env GOFLAGS) -p=$(($(getconf _NPROCESSORS_ONLN) + 1)) -timeout=30m"
	"$@"
}

# Tests that mostly run other programs: a browser, some forty clients, a fleet of twenty processes.
# What they call of ours, the race detector sees in the tests of those packages; here it costs
# minutes. .ci/nightly race has them.
others='/(holdfastdash/browsertest|integration/clients|integration/recipes|integration/fleet)'
race_ours() { go list work | grep -vE "$others" | wide xargs go test -race; }
race_others() { go list work | grep -E "$others" | wide xargs go test -race -timeout=60m; }

tree_before=$(git status --porcelain)
check_clean() {
	local after
	after=$(git status --porcelain)
	if [[ $after != "$tree_before" ]]; then
		printf 'this run changed the tree (is a go.sum incomplete?):\n'
		diff <(echo "$tree_before") <(echo "$after") || true
		return 1
	fi
}
