//! Room for what is to be written: within the budget, or by giving back what nobody needs.

use std::time::{Duration, Instant};

use super::super::error;
use super::super::merge_fresh;
use super::super::reclaim::{self, Pages, Sizes, can_shrink};
use super::super::retention;
use super::Writer;
use stardust_store::open::BUSY_TIMEOUT;

/// How long the writer waits for readers to let it empty the log, and how soon
/// it tries again after they did not.
const LOG_WAIT: Duration = Duration::from_millis(500);
const LOG_INTERVAL: Duration = Duration::from_secs(5);
/// Pages given back in one step.
const SHRINK_PAGES: u64 = 256;

impl Writer {
    /// Gives pages back that nobody needs, or when the file is over its share.
    pub(super) fn shrink(&mut self, now: Instant) -> error::Result<bool> {
        let pages = Pages::of(&self.connection)?;
        let over = self.budget.map_or(0, |budget| {
            (pages.count * pages.size).saturating_sub(budget.file_bytes)
        });
        self.giving = self.giving.max(self.spare.over(now, pages));
        if over == 0 && self.giving == 0 {
            return Ok(false);
        }
        if !can_shrink(&self.connection)? {
            self.giving = 0;
            return Ok(false);
        }
        if pages.free == 0 {
            self.giving = 0;
            return Ok(over > 0 && self.give_one()?);
        }
        let most = if over > 0 {
            SHRINK_PAGES
        } else {
            SHRINK_PAGES.min(self.giving)
        };
        reclaim::shrink(&self.connection, most)?;
        self.keep_log_small()?;
        let given = pages
            .count
            .saturating_sub(Pages::of(&self.connection)?.count);
        self.giving = self.giving.saturating_sub(given);
        if given == 0 {
            self.giving = 0;
        }
        Ok(given > 0 && (self.giving > 0 || over > 0))
    }

    /// Lets old blocks go until `bytes` can be written within the budget.
    pub(super) fn make_room(&mut self, bytes: u64) -> error::Result<()> {
        let Some(budget) = self.budget else {
            return Ok(());
        };
        self.keep_log_small()?;
        loop {
            let pages = Pages::of(&self.connection)?;
            if pages.room(budget.file_bytes) >= bytes {
                // Half of the reserve stays for letting go, whatever is written.
                self.bound_file(budget.file_bytes + budget.reserve_bytes / 2)?;
                return Ok(());
            }
            self.bound_file(budget.file_bytes + budget.reserve_bytes)?;
            // What is given back to the file system does not count any more, and
            // what is over the share must not be filled again.
            if pages.count * pages.size > budget.file_bytes
                && pages.free > 0
                && can_shrink(&self.connection)?
            {
                reclaim::shrink(&self.connection, SHRINK_PAGES)?;
            } else if !self.give_one()? && !self.merge_for_room()? {
                return Err("the history budget is too small for what must be kept. \
                            Give --history-budget more bytes."
                    .into());
            }
            self.keep_log_small()?;
        }
    }

    /// SQLite makes the file no larger than that, if it is not already.
    pub(super) fn bound_file(&self, bytes: u64) -> error::Result<()> {
        let pages = Pages::of(&self.connection)?;
        let most = (bytes / pages.size).max(pages.count);
        self.connection
            .pragma_update(None, "max_page_count", most as i64)?;
        Ok(())
    }

    /// Lets one block go, of the node that takes most. What that one has in fresh records
    /// alone is merged first, lest others give in its place.
    fn give_one(&mut self) -> error::Result<bool> {
        if let Some((_, false)) = self.takers.largest(&self.connection)?
            && self.merge_for_room()?
        {
            return Ok(true);
        }
        while let Some(node) = self.takers.largest_giver(&self.connection)? {
            let given = retention::give_one_of(&mut self.connection, &self.shared, node)?;
            self.changed(&[node]);
            if given {
                return Ok(true);
            }
        }
        // Of nodes that are not there any more.
        retention::give_oldest(&mut self.connection, &self.shared)
    }

    /// What is fresh can't be given before it is merged. False when there is none.
    pub(super) fn merge_for_room(&mut self) -> error::Result<bool> {
        if self.shared.fresh().is_empty() {
            return Ok(false);
        }
        let (connection, buffers) = (&mut self.connection, &mut self.buffers);
        let nodes = merge_fresh::merge_fresh(connection, &self.shared, buffers)?;
        self.changed(&nodes);
        self.to_merge.extend(nodes);
        Ok(true)
    }

    /// With a budget: empties the log when it has used half of its share.
    pub(super) fn keep_log_small(&self) -> error::Result<()> {
        let Some(budget) = self.budget else {
            return Ok(());
        };
        if Sizes::of(&self.shared.path).log_bytes < budget.log_bytes / 2 {
            return Ok(());
        }
        if !reclaim::empty_log(&self.connection)?
            && Sizes::of(&self.shared.path).log_bytes >= budget.log_bytes / 2
        {
            return Err(
                "a long query or a backup holds the write-ahead log, which has used its \
                        share of the history budget."
                    .into(),
            );
        }
        Ok(())
    }

    /// Without a budget: empties the log when it is large. SQLite begins it anew
    /// by itself only in a moment without readers, which on a busy page never
    /// comes. A reader that does not end soon (a backup) is not waited for.
    pub(super) fn bound_log(&mut self, now: Instant) -> error::Result<()> {
        if self.budget.is_some()
            || now < self.next_log
            || Sizes::of(&self.shared.path).log_bytes < self.log_bytes_max
        {
            return Ok(());
        }
        self.connection.busy_timeout(LOG_WAIT)?;
        let emptied = reclaim::empty_log(&self.connection);
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        if !emptied? {
            self.next_log = now + LOG_INTERVAL;
        }
        Ok(())
    }
}
