//! Topics on Zenoh.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use ::zenoh::{Wait, liveliness::LivelinessToken, qos::CongestionControl, sample::Sample};
use bytes::Bytes;
use hiroz::attachment::Attachment;
use zenoh_ext::{
    AdvancedPublisher, AdvancedPublisherBuilderExt, AdvancedSubscriberBuilderExt, CacheConfig, HistoryConfig,
    MissDetectionConfig, RecoveryConfig,
};

use super::{
    member::{Wire, announcing},
    shared_memory::received,
    transport,
};
use crate::{CarrierError, Guard, OnMessage, Qos, RawPublisher};

/// rmw_zenoh's limit for fetching a latched topic's history: none.
const HISTORY_TIMEOUT: Duration = Duration::from_millis(u64::MAX);

pub(super) struct ZenohPublisher {
    _token: LivelinessToken,
    publisher: AdvancedPublisher<'static>,
    sequence: AtomicI64,
    latched: bool,
    wire: Wire,
}

impl ZenohPublisher {
    pub(super) fn declare(wire: Wire, qos: Qos) -> Result<Self, CarrierError> {
        let congestion = if qos.reliable { CongestionControl::Block } else { CongestionControl::Drop };
        let mut builder =
            wire.zenoh().declare_publisher(wire.key.clone()).congestion_control(congestion).advanced();
        if qos.latched {
            builder = builder.publisher_detection().cache(CacheConfig::default().max_samples(qos.depth));
            if qos.reliable {
                // Without rmw_zenoh's heartbeat: it is sent from the very thread that tells Zenoh of sockets ready
                // to be written to, where it waits for a large message under way, and that one for the socket.
                builder = builder.sample_miss_detection(MissDetectionConfig::default());
            }
        }
        let publisher = builder.wait().map_err(transport(|| announcing(&wire.entity)))?;
        let token = wire.announce()?;
        Ok(Self { publisher, _token: token, sequence: AtomicI64::new(1), latched: qos.latched, wire })
    }
}

impl RawPublisher for ZenohPublisher {
    fn publish(&self, cdr: Bytes) -> Result<(), CarrierError> {
        // A latched message stays in the publisher's cache and would hold its part of the pool for good.
        let payload = if self.latched { cdr.into() } else { self.wire.session.memory.place(cdr) };
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        self.publisher
            .put(payload)
            .attachment(Attachment::new(sequence, self.wire.gid))
            .wait()
            .map_err(transport(|| format!("cannot publish on {}", self.wire.entity.topic)))
    }
}

pub(super) fn subscribe(wire: Wire, qos: Qos, on_message: OnMessage) -> Result<Guard, CarrierError> {
    let count = wire.session.memory.counter();
    let mut builder = wire
        .zenoh()
        .declare_subscriber(wire.key.clone())
        .callback(move |sample: Sample| {
            count(sample.payload());
            on_message(received(sample.payload()));
        })
        .advanced();
    if qos.latched {
        builder = builder
            .history(HistoryConfig::default().detect_late_publishers().max_samples(qos.depth))
            .query_timeout(HISTORY_TIMEOUT)
            .subscriber_detection();
        if qos.reliable {
            builder = builder.recovery(RecoveryConfig::default().heartbeat());
        }
    }
    let subscriber = builder.wait().map_err(transport(|| announcing(&wire.entity)))?;
    let token = wire.announce()?;
    Ok(Guard::new((token, subscriber, wire)))
}
