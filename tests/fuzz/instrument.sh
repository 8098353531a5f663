#!/bin/sh
# Stands before rustc for the crates of this workspace (RUSTC_WORKSPACE_WRAPPER): compiles them with the
# counters and compare hooks that libFuzzer reads, which stable Rust can do by LLVM's own pass. What runs
# at build time is left out: it has no engine to link with.
compiler=$1
shift
case " $* " in
*" --crate-name build_script_"* | *" --crate-type proc-macro "* | *" --print "*)
    exec "$compiler" "$@"
    ;;
esac
exec "$compiler" "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1
