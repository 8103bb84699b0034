//! How many files this process may have open.

/// Raises the limit of open files to what the system allows: each Spider is
/// one. Answers the limit that holds.
pub fn raise_limit() -> usize {
    let mut wanted = read_limit();
    wanted.rlim_cur = wanted.rlim_max;
    // SAFETY: the pointer is to a whole rlimit, which is only read. That it was
    // refused shows in the limit that holds afterwards.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) };
    limit()
}

/// How many files may be open.
pub fn limit() -> usize {
    usize::try_from(read_limit().rlim_cur).unwrap_or(usize::MAX)
}

fn read_limit() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the pointer is to a whole rlimit, which is only written. Where a
    // sandbox refuses the call, running out of files will show the limit.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit
}
