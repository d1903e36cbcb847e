#!/usr/bin/env bash
# The summary of vgg16 as a whole process: median of 200 runs, beside an empty process of the same shell.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet

median() {
    for _ in $(seq 200); do
        local start end
        start=$(date +%s%N)
        "$@" >/dev/null
        end=$(date +%s%N)
        echo $(((end - start) / 1000))
    done | sort -n | sed -n 100p
}

printf 'true                 %6s µs\n' "$(median /bin/true)"
printf 'cnnstat vgg16        %6s µs\n' "$(median target/release/cnnstat vgg16)"
printf 'cnnstat vgg16 (json) %6s µs\n' "$(median target/release/cnnstat vgg16 --format json)"
