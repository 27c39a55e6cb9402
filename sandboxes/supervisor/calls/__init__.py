"""What a request runs, from the process that it starts to the last one that it leaves.

`calls` does what is asked. A `call` is one supervised job: `output` is what it says, `enforcing`
what ends it before its time. `sweeping` ends what stays behind.
"""
