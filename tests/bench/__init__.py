"""`python -m tests.bench`: the goals of the placement engine and its callbacks, measured against real processes.

`carrier` counts at the door and nothing else, `load` knocks, `service` starts the real processes on databases of their
own, `inside` is what runs within the service's settings. `rate`, `response`, `callbacks`, `scale`, `foretold` and `capacity` are the
subjects; `report` is what comes out. Not part of the tests.
"""
