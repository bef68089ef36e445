# What .ci/run and .ci/full share: how a stage runs and is told of, and what their stages do.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
exec < /dev/null
export CI=true CHECKOUT=$PWD
unset PYTHONPATH "${!AUTOINSTRUMENT_@}" "${!OTEL_@}"
# All that depends on the interpreter or on a client, but for servers, which one has.
whole="not (cluster or golang or once or servers)"
results=() budgets=0 failed=0 closing='' decided=''
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

stage() { # BUDGET NAME COMMAND...: run one stage, whose budget is in seconds; half as much again is its end
  local budget=$1 name=$2 began=$SECONDS outcome=passed late='' job limit code took
  report=$scratch/$name
  printf '\n== %s\n' "$name"
  set -m  # a process group each, so that all that a stage has started ends with it
  "${@:3}" &
  job=$!
  { sleep $((budget * 3 / 2)); kill -KILL -- "-$job"; } &
  limit=$!
  disown  # or each stage would end with a word about it
  set +m
  trap 'kill -KILL -- "-$job" "-$limit"; exit 130' INT TERM
  wait "$job"
  code=$? took=$((SECONDS - began))
  kill -KILL -- "-$limit" 2> /dev/null
  [ $code = 0 ] || outcome="FAILED ($code)" failed=1
  [ $code != 137 ] || printf '\nkilled after %d s\n' $took | tee -a "$report"
  [ $took -le "$budget" ] || late=', over its budget'
  results+=("$(printf '%-44s %-12s %4d s of %4d%s' "$name" "$outcome" $took "$budget" "$late")")
  budgets=$((budgets + budget))
  # The first pytest that fails has the last word, or else the last one.
  if [ -z "$decided" ] && [ -e "$report" ]; then
    closing=$(tail -n 1 "$report")
    [ $code = 0 ] || decided=yes
  fi
}

table() { # print the tests that passed only when they ran alone, and what became of each stage
  local flaky
  flaky=$(grep -H -d skip '^flaky: ' "$scratch"/* | sed "s|^$scratch/||; s|:flaky||" | sort -u)
  [ -z "$flaky" ] || printf '\n== flaky\n%s\n' "$flaky"
  printf '\n== results\n'
  printf '%s\n' "${results[@]}"
  printf '%-57s %4d s of %4d\n' "in all" $SECONDS $budgets
}

conclude() { # end CI as pytest ends: the table comes before what pytest said
  table
  printf '\n%s\n' "$closing"
  exit $failed
}

pytests() { # PYTHON [OPTION...]: run tests; those that fail run again, alone, twice at most
  local cache code again
  cache=$(mktemp -d -p "$scratch") || return
  # A worker that crashes is a failed test; pytest-xdist would leave out the rest after some.
  local pytest=("$1" -m pytest -o "cache_dir=$cache" --max-worker-restart 20 "${@:2}")
  "${pytest[@]}" -n auto --maxfail 20 --durations 12 | tee -a "$report"
  code=${PIPESTATUS[0]}
  for again in once twice; do
    [ $code = 1 ] && only_tests_failed "$cache" || break
    printf '\n== failed, again and alone, %s\n' $again
    "${pytest[@]}" -n 1 --last-failed --last-failed-no-failures none -rfEp |
      sed 's/^PASSED /flaky: /' | tee -a "$report"
    code=${PIPESTATUS[0]}
  done
  return "$code"
}

only_tests_failed() { # CACHE: tell it from a module that cannot be imported, which is no chance
  ! grep '": true' "$1/v/cache/lastfailed" | grep -qv ::
}

wheel_tests() ( # MINOR MARKS [REQUIREMENT...]: test the wheel where nothing else of ours is found
  # MINOR is that of a CPython 3, or "pypy".
  python=$(interpreter "$1") || exit
  venv=$PWD/.ci/venvs/wheel
  away=$(mktemp -d -p "$scratch") || exit
  ROTEL_AGENT=$(.venv/bin/python -c 'import os, rotel
print(os.path.join(os.path.dirname(os.path.realpath(rotel.__file__)), "rotel-agent"))')
  export ROTEL_AGENT  # one collector for all
  rm -rf "$venv" && "$python" -m venv "$venv" &&
    if has_all_clients "$1"; then
      # Everything can be had with the pip that this Python brings; the tests' own need a newer one.
      "$venv/bin/python" -m pip --disable-pip-version-check install -q --dry-run "$(echo dist/*.whl)[all]" &&
        "$venv/bin/python" -m pip install -q --upgrade 'pip>=25.1' &&
        "$venv/bin/python" -m pip install -q dist/*.whl "${@:3}" --group pyproject.toml:test
    else
      "$venv/bin/python" -m pip install -q dist/*.whl && install_what_there_is "$venv/bin/python"
    fi &&
    cp -R tests pyproject.toml README.md CHANGELOG.md "$away" &&
    cd "$away" &&
    "$venv/bin/python" -c 'import autoinstrument, sys
print(sys.version.split()[0], autoinstrument.__file__)
assert autoinstrument.__file__.startswith(sys.prefix), "not the installed wheel"' &&
    pytests "$venv/bin/python" -m "$2"
)

has_all_clients() { # MINOR: whether each client has a wheel for that Python
  [ "$1" != pypy ] && .venv/bin/python -m pip install -q --dry-run --no-deps --only-binary :all: \
    --python-version "3.$1" --target "$scratch/nothing" 'confluent-kafka>=2.3' 'aiokafka>=0.10' 2> /dev/null
}

install_what_there_is() { # PYTHON: install of the group `test` what can be had, and name the rest
  local needed
  .venv/bin/python -c '
import re, sys
group = re.search(r"^test = \[(.*?)^\]", open("pyproject.toml").read(), re.DOTALL | re.MULTILINE)
print(*re.findall("\"(.+?)\"", group[1]), sep="\n")' | while read -r needed; do
    # MarkupSafe needs no compiler, and has no wheel for PyPy.
    "$1" -m pip install -q --only-binary :all: --no-binary markupsafe "$needed" 2> /dev/null ||
      echo "No wheel of $needed for $("$1" -V 2>&1 | tail -n 1): what needs it is not tested."
  done
}

oldest_clients() { # MINOR: test the wheel with the oldest client that each adapter takes
  local clients
  clients=$(.venv/bin/python -c '
from importlib import import_module
from autoinstrument.start.adapters import ADAPTERS
for adapter in map(import_module, (f"autoinstrument.adapters.{name}" for name in ADAPTERS)):
    version = ".".join(map(str, adapter.CLIENT.oldest))
    print(f"{adapter.CLIENT.distribution}=={version}.*", end=" ")') || return
  echo "$clients"
  read -ra clients <<< "$clients"
  wheel_tests "$1" "$whole" "${clients[@]}"
}

minors() { # print the minor versions in pyproject.toml that this machine has, oldest first
  local minor
  for minor in $(sed -n 's/.*Python :: 3\.\([0-9][0-9]*\)".*/\1/p' pyproject.toml | sort -n); do
    if interpreter "$minor" > /dev/null; then echo "$minor"; else
      echo "No Python 3.$minor on this machine." >&2
    fi
  done
}

has_pypy() {
  interpreter pypy > /dev/null || { echo "No PyPy of Python 3.10 or later on this machine." >&2; return 1; }
}

newest_of_all_clients() { # MINOR...: print the last for which each client has a wheel
  local minor newest
  for minor; do has_all_clients "$minor" && newest=$minor; done
  echo "$newest"
}

interpreter() { # MINOR: print a Python 3.MINOR, or PyPy, of this machine or of `make pythons`
  local python name=python3.$1 own
  [ "$1" != pypy ] || name=pypy3
  own=$(.venv/bin/python tests/cached.py pythons tests/debian_pythons.sh)/usr/bin/$name
  for python in "$name" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$1".*/bin/python "$own"; do
    "$python" -c "import ensurepip, sys, venv
minor = 'pypy' if sys.implementation.name == 'pypy' else str(sys.version_info.minor)
sys.exit(sys.version_info < (3, 10) or minor != '$1')" 2> /dev/null && command -v "$python" && return
  done
  return 1
}

browser() { # Chromium, in which the HTML report is tested; from Debian, where it is missing
  # Of several names `command -v` is content with one.
  command -v chromium && command -v chromedriver ||
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium chromium-driver; } \
      > "$scratch/apt" 2>&1 || { tail "$scratch/apt"; return 1; }
}
