"""
The cases of the benchmark, each a frozen value in a module for its kind.

Of two kinds: a L{Comparison<tests.bench.pairs.Comparison>} with nginx, and a L{Case
<tests.bench.cases.alone.Case>} that has no equal there.
"""
