"""The command line: parse the arguments, run one command, return an exit code."""
