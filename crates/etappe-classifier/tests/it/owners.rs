//! Two processes share the partitions while anything may happen between two steps: partitions move,
//! with and without a clean hand-over; processes freeze, wake up and die; inserts arrive late or
//! get lost; commits of a replaced owner are refused.
//!
//! The invariant: every offset is one row or one dead letter.

use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::RetryClass;
use etappe_testkit::draw::{Draw, each_case};
use etappe_testkit::faults::{Faults, Operation};
use etappe_testkit::memory_log::MemoryConsumer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crash::run_paused;
use crate::world::{FIRST, SECOND, World, record};

const PARTITIONS: [PartitionId; 2] = [FIRST, SECOND];
const OWNERS: usize = 2;
/// How long the group waits for an unresponsive member.
const SESSION: Duration = Duration::from_secs(30);

/// A process that works on some of the partitions.
struct Owner {
    consumer: MemoryConsumer,
    faults: Faults,
    stop: CancellationToken,
    /// Aborts the process when dropped.
    process: JoinSet<()>,
    is_frozen: bool,
}

impl Owner {
    fn start(world: &World, draw: &mut Draw) -> Self {
        let faults = Faults::default();
        faults.slow_down(Draw::new(draw.number()), 1 + draw.below(60));
        let consumer = world.log.idle_consumer_failing(faults.clone());
        let classifier = world.classifier_beside(consumer.clone(), &faults);
        let stop = CancellationToken::new();
        let mut process = JoinSet::new();
        let stopped = stop.clone();
        process.spawn(async move {
            classifier.run(stopped).await.expect("nothing is fatal");
        });
        Self {
            consumer,
            faults,
            stop,
            process,
            is_frozen: false,
        }
    }

    fn check(&mut self) {
        if let Some(ended) = self.process.try_join_next() {
            panic!("a process has ended: {ended:?}");
        }
    }
}

struct Group {
    world: World,
    owners: Vec<Owner>,
    /// The process that owns each partition according to the group.
    members: [usize; PARTITIONS.len()],
    /// Replaced owners that may not have noticed yet.
    replaced: Vec<Replaced>,
}

/// A replaced owner that has not released the partition yet.
struct Replaced {
    owner: usize,
    id: PartitionId,
    is_told: bool,
}

impl Group {
    fn new(draw: &mut Draw) -> Self {
        let world = random_world(draw);
        world.sink.hold_back();
        let owners: Vec<Owner> = (0..OWNERS).map(|_| Owner::start(&world, draw)).collect();
        for (owner, partition) in owners.iter().zip(PARTITIONS) {
            owner.consumer.assign(partition, Vec::new());
        }
        Self {
            world,
            owners,
            members: [0, 1],
            replaced: Vec::new(),
        }
    }

    async fn happen(&mut self, draw: &mut Draw) {
        let owner = draw.place(OWNERS);
        let partition = draw.place(PARTITIONS.len());
        match draw.below(24) {
            0..=6 => tokio::time::sleep(Duration::from_millis(draw.below(300))).await,
            7..=12 => self.land_one(draw),
            13 if self.world.sink.held() > 0 => {
                self.world.sink.lose(draw.place(self.world.sink.held()));
            }
            14..=15 => self.send(draw),
            16 => self.move_gently(partition).await,
            17..=18 => self.take_away(partition),
            19 if !self.replaced.is_empty() => self.tell(draw.place(self.replaced.len())).await,
            20 => {
                self.owners[owner].is_frozen = true;
                self.owners[owner].faults.freeze();
            }
            21 => self.thaw(owner),
            22 => self.kill(owner, draw).await,
            _ => self.plan_failure(owner, draw),
        }
        self.owners.iter_mut().for_each(Owner::check);
    }

    fn land_one(&self, draw: &mut Draw) {
        match self.world.sink.held() {
            0 => {}
            held => self.world.sink.land(draw.place(held)),
        }
    }

    fn send(&self, draw: &mut Draw) {
        for _ in 0..draw.below(8) {
            append(&self.world, draw);
        }
    }

    /// Makes the owner finish and hand over; an unresponsive owner is replaced.
    async fn move_gently(&mut self, partition: usize) {
        let (owner, id) = (self.members[partition], PARTITIONS[partition]);
        if let Some(other) = self.free_owner(partition) {
            let consumer = self.owners[owner].consumer.clone();
            consumer.revoke(id);
            let answer = tokio::time::timeout(SESSION, consumer.wait_released(id)).await;
            if answer.is_err() {
                self.replaced.push(Replaced {
                    owner,
                    id,
                    is_told: true,
                });
            }
            self.give(partition, other);
        }
    }

    /// Gives a partition to the other process without asking its owner, which notices later.
    fn take_away(&mut self, partition: usize) {
        if let Some(other) = self.free_owner(partition) {
            self.replaced.push(Replaced {
                owner: self.members[partition],
                id: PARTITIONS[partition],
                is_told: false,
            });
            self.give(partition, other);
        }
    }

    /// Returns the other process, unless it still has to release the partition from the last move.
    fn free_owner(&self, partition: usize) -> Option<usize> {
        let other = (self.members[partition] + 1) % OWNERS;
        let holds = self.owners[other].consumer.holds(PARTITIONS[partition]);
        (!holds).then_some(other)
    }

    fn give(&mut self, partition: usize, to: usize) {
        let consumer = &self.owners[to].consumer;
        consumer.assign(PARTITIONS[partition], Vec::new());
        self.members[partition] = to;
    }

    /// Tells a process that it was replaced, and waits a while for it to stop.
    async fn tell(&mut self, place: usize) {
        let replaced = &mut self.replaced[place];
        let consumer = self.owners[replaced.owner].consumer.clone();
        if !std::mem::replace(&mut replaced.is_told, true) {
            consumer.revoke(replaced.id);
        }
        let released = consumer.wait_released(replaced.id);
        if tokio::time::timeout(SESSION, released).await.is_ok() {
            self.replaced.swap_remove(place);
        }
    }

    fn thaw(&mut self, owner: usize) {
        self.owners[owner].is_frozen = false;
        self.owners[owner].faults.thaw();
    }

    /// Kills a process at an arbitrary point and starts another in its place.
    async fn kill(&mut self, owner: usize, draw: &mut Draw) {
        self.owners[owner].process.shutdown().await;
        self.replaced.retain(|replaced| replaced.owner != owner);
        self.owners[owner] = Owner::start(&self.world, draw);
        for partition in 0..PARTITIONS.len() {
            if self.members[partition] == owner {
                let to = self.free_owner(partition).unwrap_or(owner);
                self.give(partition, to);
            }
        }
    }

    fn plan_failure(&self, owner: usize, draw: &mut Draw) {
        let operations = [
            Operation::Commit,
            Operation::Insert,
            Operation::SeenBefore,
            Operation::Recent,
            Operation::StoreLetters,
            Operation::Read,
        ];
        let operation = operations[draw.place(operations.len())];
        let faults = &self.owners[owner].faults;
        if draw.once_in(2) {
            faults.fail(operation, RetryClass::Transient, 1);
        } else {
            faults.fail_after(operation, RetryClass::Transient, 1);
        }
    }

    /// Lets every process wake up and finish, then lets the abandoned inserts arrive.
    async fn finish(mut self, draw: &mut Draw) {
        let sink = self.world.sink.clone();
        let mut landing = JoinSet::new();
        let mut pace = Draw::new(draw.number());
        landing.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                // Keep some for the very end.
                if sink.held() > usize::from(pace.once_in(3)) {
                    sink.land(pace.place(sink.held()));
                }
            }
        });
        (0..OWNERS).for_each(|owner| self.thaw(owner));
        while !self.replaced.is_empty() {
            self.tell(0).await;
        }
        tokio::select! {
            () = self.world.caught_up() => {}
            () = watch(&mut self.owners) => {}
        }
        for owner in &mut self.owners {
            owner.stop.cancel();
            owner.process.join_next().await;
        }
        landing.shutdown().await;
        while self.world.sink.held() > 0 {
            self.land_one(draw);
        }
        self.world.check_exactly_once("in the end");
    }
}

/// Panics when a process ends by itself.
async fn watch(owners: &mut [Owner]) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        owners.iter_mut().for_each(Owner::check);
    }
}

fn random_world(draw: &mut Draw) -> World {
    let mut world = World::new(2);
    world.config.max_batch_rows = 1 + draw.place(12);
    world.config.filter_bytes = 1 << draw.below(12);
    world.config.drain = Duration::from_millis(draw.below(500));
    for _ in 0..draw.below(40) {
        append(&world, draw);
    }
    world
}

/// Appends a message, or something else that a log may hold.
fn append(world: &World, draw: &mut Draw) {
    let partition = PARTITIONS[draw.place(PARTITIONS.len())];
    match draw.below(16) {
        0 => drop(world.log.append(partition, "garbage")),
        1 => world.log.skip(partition, draw.below(4)),
        2 => world.sink.refuse(partition, world.log.end(partition)),
        _ => {}
    }
    let message = record(&format!("m{}", draw.below(30)));
    world.log.append(partition, message);
}

#[test]
fn every_offset_becomes_one_row_or_one_dead_letter_between_two_owners() {
    each_case(300, |draw| {
        run_paused(async {
            let mut group = Group::new(draw);
            for _ in 0..draw.below(120) {
                group.happen(draw).await;
            }
            group.finish(draw).await;
        });
    });
}
