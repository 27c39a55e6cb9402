"""The program inside a sandbox that supervises the processes that run a model's code.

It uses the standard library only, runs on Python 3.9 or newer, and is shipped as text (see
`bundle`): nothing of ours is installed where the code runs.
"""
