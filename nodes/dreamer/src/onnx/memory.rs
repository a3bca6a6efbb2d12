use super::OnnxError;
use std::ops::Range;

/// Runs `count` items through `run`, at most `at_once` of them in one go, and half as many in each go after one for which
/// memory was short. Returns what the goes returned, one after the other.
///
/// # Errors
/// The first error of `run`; of memory only if one item alone is too much.
pub(super) fn while_memory_lasts<T>(
    count: usize,
    at_once: usize,
    mut run: impl FnMut(Range<usize>) -> Result<Vec<T>, OnnxError>,
) -> Result<Vec<T>, OnnxError> {
    let mut at_once = at_once.clamp(1, count.max(1));
    let mut results = Vec::new();
    let mut done = 0;
    while done < count {
        let items = done..(done + at_once).min(count);
        match run(items.clone()) {
            Ok(more) => {
                results.extend(more);
                done = items.end;
            }
            Err(OnnxError::Memory { graph, unit, .. }) if items.len() > 1 => {
                at_once = items.len().div_ceil(2);
                tracing::warn!(graph, at_once, unit, "memory is short: fewer at once");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph that has memory for so many items at once, and tells what it was given.
    fn with_memory_for(
        most: usize,
        log: &mut Vec<usize>,
    ) -> impl FnMut(Range<usize>) -> Result<Vec<usize>, OnnxError> {
        move |items| {
            log.push(items.len());
            if items.len() > most {
                let said = "Failed to allocate memory for requested buffer of size 9".to_owned();
                return Err(OnnxError::Memory {
                    graph: "vae_decoder",
                    items: items.len(),
                    unit: "frames",
                    said,
                });
            }
            Ok(items.collect())
        }
    }

    #[test]
    fn fewer_at_once_where_memory_is_short_and_nothing_is_lost() {
        let mut log = Vec::new();
        let results = while_memory_lasts(25, 25, with_memory_for(4, &mut log)).unwrap();
        assert_eq!(results, (0..25).collect::<Vec<_>>());
        assert_eq!(log, [25, 13, 7, 4, 4, 4, 4, 4, 4, 1]);
    }

    #[test]
    fn one_item_that_is_too_much_is_an_error_with_the_graph() {
        let error = while_memory_lasts(25, 2, with_memory_for(0, &mut Vec::new())).unwrap_err().to_string();
        assert_eq!(
            error,
            "not enough memory for the graph vae_decoder with 1 frames at once: Failed to allocate memory for requested buffer of size 9"
        );
    }

    #[test]
    fn another_error_ends_it() {
        let error =
            while_memory_lasts(3, 1, |_| Err::<Vec<()>, _>(OnnxError::Cancelled { done: 1, steps: 2 }));
        assert!(matches!(error, Err(OnnxError::Cancelled { .. })));
    }
}
