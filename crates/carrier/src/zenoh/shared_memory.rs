//! Large messages go to peers on this machine through shared memory.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use ::zenoh::{
    Wait,
    bytes::ZBytes,
    shm::{GarbageCollect, PosixShmProviderBackend, ShmProvider},
};
use bytes::Bytes;
use hiroz::shm::ShmProviderBuilder;

use super::ZenohOptions;

/// A pool of shared memory, taken from the system when the first large message is sent.
pub(super) struct SharedMemory {
    pool: OnceLock<Option<ShmProvider<PosixShmProviderBackend>>>,
    pool_bytes: usize,
    from_bytes: usize,
    sent: AtomicU64,
    received: Arc<AtomicU64>,
}

impl SharedMemory {
    pub(super) fn new(options: &ZenohOptions) -> Self {
        Self {
            pool: OnceLock::new(),
            pool_bytes: options.shared_memory_bytes,
            from_bytes: options.shared_memory_from_bytes,
            sent: AtomicU64::new(0),
            received: Arc::default(),
        }
    }

    /// The message as Zenoh sends it: in shared memory if it is large and there is room, else as it is. A slow
    /// reader that holds the whole pool thus costs speed, never a message.
    pub(super) fn place(&self, cdr: Bytes) -> ZBytes {
        if self.pool_bytes == 0 || cdr.len() < self.from_bytes {
            return cdr.into();
        }
        let Some(pool) = self.pool.get_or_init(|| self.open()) else {
            return cdr.into();
        };
        match pool.alloc(cdr.len()).with_policy::<GarbageCollect>().wait() {
            Ok(mut room) => {
                room.copy_from_slice(&cdr);
                self.sent.fetch_add(1, Ordering::Relaxed);
                room.into()
            }
            Err(error) => {
                tracing::debug!(size = cdr.len(), ?error, "no room in shared memory, sent without it");
                cdr.into()
            }
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts what a subscription receives. Apart from the session, which a callback must not keep alive: the
    /// last to let go of it closes it, and Zenoh's threads cannot.
    pub(super) fn counter(&self) -> impl Fn(&ZBytes) + Send + Sync + 'static + use<> {
        let received = self.received.clone();
        move |payload| {
            if payload.as_shm().is_some() {
                received.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn open(&self) -> Option<ShmProvider<PosixShmProviderBackend>> {
        match ShmProviderBuilder::new(self.pool_bytes).build() {
            Ok(pool) => Some(pool),
            Err(error) => {
                tracing::warn!(
                    bytes = self.pool_bytes,
                    error,
                    "no shared memory, large messages go without it"
                );
                None
            }
        }
    }
}

/// A received payload as bytes; one that lies in a single piece, as shared memory does, is not copied.
pub(super) fn received(payload: &ZBytes) -> Bytes {
    struct OnePiece(ZBytes);
    impl AsRef<[u8]> for OnePiece {
        fn as_ref(&self) -> &[u8] {
            self.0.slices().next().unwrap_or_default()
        }
    }
    if payload.slices().nth(1).is_some() {
        return Bytes::from(payload.to_bytes().into_owned());
    }
    Bytes::from_owner(OnePiece(payload.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_in_one_piece_or_many_are_received_whole() {
        let mut writer = ZBytes::writer();
        writer.append(ZBytes::from(vec![1, 2]));
        writer.append(ZBytes::from(vec![3]));
        assert_eq!(received(&writer.finish()), [1, 2, 3].as_slice());
        assert_eq!(received(&ZBytes::from(vec![7; 9])), [7; 9].as_slice());
        assert_eq!(received(&ZBytes::default()), [].as_slice());
    }

    #[test]
    fn a_full_pool_costs_no_message() {
        let options = ZenohOptions {
            shared_memory_bytes: 1 << 20,
            shared_memory_from_bytes: 1 << 10,
            ..ZenohOptions::default()
        };
        let memory = SharedMemory::new(&options);
        let held: Vec<ZBytes> = (0..5u8).map(|n| memory.place(vec![n; 400 << 10].into())).collect();
        assert!((1..5).contains(&memory.sent()), "{}", memory.sent());
        for (n, payload) in (0..5u8).zip(&held) {
            assert_eq!(received(payload), vec![n; 400 << 10]);
        }
        drop(held);
        let before = memory.sent();
        memory.place(vec![9; 400 << 10].into());
        assert_eq!(memory.sent(), before + 1, "freed room is used again");
    }
}
