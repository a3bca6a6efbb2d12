//! The command line: the nodes composed in one process, and the offline commands.
