#!/bin/sh
# Runs every test of invoice.sh; exit code 1 when one fails.
set -u
cd "$(dirname "$0")/.." || exit 2
failed=0

check() {
    title=$1 expected=$2
    shift 2
    got=$(./invoice.sh "$@" 2>&1)
    if [ "$got" = "$expected" ]; then
        echo "ok       $title"
    else
        echo "NOT OK   $title: expected $expected, got $got"
        failed=1
    fi
}

check "a total is the sum of its lines" 100.00 total tests/orders/plain.txt
check "comments and blank lines do not count" 57.47 total tests/orders/mixed.txt
check "tax is added" 119.00 total tests/orders/plain.txt 0 19
check "a discount is taken off" 90.00 total tests/orders/plain.txt 10
check "tax is due on what the discount leaves" 107.10 total tests/orders/plain.txt 10 19
check "the same for an order of several articles" 54.71 total tests/orders/mixed.txt 20 19
check "an empty order costs nothing" 0.00 total tests/orders/empty.txt 10 19

exit $failed
