//! One line of mountinfo, and which mounts hide it.

use crate::collect::text::{Words, find};

/// A line of mountinfo, still escaped.
pub struct Line<'a> {
    id: i64,
    parent: i64,
    pub device: &'a [u8],
    /// Where in its filesystem the mount begins; `/` for all of it.
    pub root: &'a [u8],
    pub point: &'a [u8],
    options: &'a [u8],
    pub fs_type: &'a [u8],
    pub source: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> Line<'a> {
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = Words(line);
        let id = words.number()?;
        let parent = words.number()?;
        let device = words.next()?;
        find(device, b':')?;
        let root = words.next()?;
        let point = words.next()?;
        // The kernel's mark of a mount point that was deleted.
        if !point.starts_with(b"/") || point.ends_with(b"//deleted") {
            return None;
        }
        let options = words.next()?;
        words.find(|word| *word == b"-")?;
        Some(Self {
            id,
            parent,
            device,
            root,
            point,
            options,
            fs_type: words.next()?,
            source: words.next()?,
            super_options: words.next().unwrap_or_default(),
        })
    }

    /// Whether the filesystem takes no writes, through whichever mount.
    pub fn is_readonly(&self) -> bool {
        has_option(self.super_options, b"ro")
    }

    /// Whether it was mounted so. One that turned read-only after an error still
    /// has a mount that says otherwise.
    pub fn was_mounted_readonly(&self) -> bool {
        self.is_readonly() && has_option(self.options, b"ro")
    }

    /// Whether only a part of the filesystem is mounted here: a bind mount or a
    /// subvolume.
    pub fn is_part(&self) -> bool {
        self.root != b"/"
    }

    /// autofs that unmounts what nobody uses for a while: asking would be a use.
    pub fn is_expiring_autofs(&self) -> bool {
        self.fs_type == b"autofs" && !has_option(self.super_options, b"timeout=0")
    }

    /// Whether this and `other` are the same storage.
    pub fn is_same_storage(&self, other: &Self) -> bool {
        let names_a_server = || find(self.source, b':').is_some() || self.source.starts_with(b"//");
        self.device == other.device
            || (self.fs_type == other.fs_type && self.source == other.source && names_a_server())
    }
}

fn has_option(options: &[u8], name: &[u8]) -> bool {
    options.split(|&b| b == b',').any(|option| option == name)
}

pub fn is_below(point: &[u8], above: &[u8]) -> bool {
    if above == b"/" {
        return point.len() > 1;
    }
    point
        .strip_prefix(above)
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// The tree of all mounts, to see which of them can be reached by their path.
pub struct Tree<'a, 'b> {
    all: &'b [Line<'a>],
    /// Ids and places in `all`, by id.
    by_id: Vec<(i64, usize)>,
}

/// Deeper than any tree of mounts; a ring of parents ends there.
const DEPTH_MAX: usize = 64;

impl<'a, 'b> Tree<'a, 'b> {
    pub fn new(all: &'b [Line<'a>]) -> Self {
        let mut by_id: Vec<(i64, usize)> = (0..).zip(all).map(|(at, line)| (line.id, at)).collect();
        by_id.sort_unstable();
        Self { all, by_id }
    }

    fn place(&self, id: i64) -> Option<usize> {
        let at = self.by_id.partition_point(|(other, _)| *other < id);
        let (found, place) = *self.by_id.get(at)?;
        (found == id).then_some(place)
    }

    /// Whether the path of the mount at `index` leads to another mount: one that
    /// was mounted later on it or on a folder above it.
    pub fn is_hidden(&self, index: usize) -> bool {
        // The mounts that the path leads through, this one first.
        let mut chain = [index; DEPTH_MAX];
        let mut length = 1;
        while length < DEPTH_MAX
            && let Some(parent) = self.place(self.all[chain[length - 1]].parent)
            && !chain[..length].contains(&parent)
        {
            chain[length] = parent;
            length += 1;
        }
        let chain = &chain[..length];
        let point = self.all[index].point;
        self.all.iter().enumerate().any(|(at, over)| {
            let covers = over.point == point || is_below(point, over.point);
            if !covers || chain.contains(&at) {
                return false;
            }
            // On this mount itself.
            if over.parent == self.all[index].id {
                return over.point == point;
            }
            // Beside a mount that the path leads through, and above or over it.
            chain.iter().any(|&through| {
                let through_line = &self.all[through];
                let is_above = is_below(through_line.point, over.point);
                at > through
                    && over.parent == through_line.parent
                    && (is_above || over.point == through_line.point)
            })
        })
    }
}
