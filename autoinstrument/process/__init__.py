"""What every part may use: settings, notices, the guard, the end of a process, forks, threads."""
