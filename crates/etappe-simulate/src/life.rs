//! The life of one person with the shop: visits, orders, and what follows from them.

mod order;
mod visit;

use crate::act::Act;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::persona::{Channel, Persona};
use crate::world::{Place, World};

/// How far somebody is.
#[derive(Debug)]
pub(crate) struct Life<'w> {
    world: &'w mut World,
    person: usize,
    persona: Persona,
    /// Who invited them.
    inviter: Option<usize>,
    /// The time of the visit, which moves on with what they do.
    now: i64,
    /// How they came this time.
    channel: Option<Channel>,
    has_account: bool,
    reads_mail: bool,
    orders: u32,
    /// What they could not pay keeps them away.
    is_annoyed: bool,
}

impl<'w> Life<'w> {
    /// Begins a life at an instant.
    pub(crate) const fn new(
        world: &'w mut World,
        person: usize,
        persona: Persona,
        inviter: Option<usize>,
        now: i64,
    ) -> Self {
        Self {
            world,
            person,
            persona,
            inviter,
            now,
            channel: None,
            has_account: false,
            reads_mail: false,
            orders: 0,
            is_annoyed: false,
        }
    }

    /// Lives until the end of the simulation or until the person stays away.
    pub(crate) fn live(mut self) {
        let mut visits = 0;
        loop {
            let began = self.now;
            self.channel = None;
            if self.world.dice.chance(self.persona.in_shop) {
                self.visit_shop();
            } else if self.world.dice.chance(self.persona.by_phone) {
                self.call();
            } else {
                self.visit_pages(visits == 0);
            }
            visits += 1;
            if !self.comes_again() || visits > 60 {
                break;
            }
            self.wait_for_next_visit(began);
            if self.now >= self.world.calendar.end() {
                break;
            }
        }
        self.leave();
    }

    fn comes_again(&mut self) -> bool {
        let again = match (self.orders, self.is_annoyed) {
            (_, true) => self.persona.again / 2.0,
            (0, false) => self.persona.again,
            // Those who ordered twice have found their shop.
            (1, false) => self.persona.loyal,
            (_, false) => f64::midpoint(self.persona.loyal, 1.0),
        };
        self.world.dice.chance(again)
    }

    /// Moves on to the next visit; those who read the newsletter open it first.
    fn wait_for_next_visit(&mut self, began: i64) {
        let days = self.world.dice.wait(self.persona.gap_days).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few days"
        )]
        let day = self.world.calendar.day_of(began) + days as usize;
        let rhythm = self.persona.rhythm;
        let next = self
            .world
            .calendar
            .moment(&mut self.world.dice, day, rhythm);
        self.now = next.max(self.now + HOUR);
        if self.reads_mail && self.world.dice.chance(0.6) {
            let device = self.device();
            self.see(Act::MailOpened, Place::Elsewhere(device), 2);
            self.world.by_channel(Channel::Email);
        }
    }

    /// Some of those who stay away say so.
    fn leave(&mut self) {
        if self.reads_mail && self.world.dice.chance(0.25) {
            let wait = self.world.dice.between(DAY, 20 * DAY);
            let device = self.device();
            self.later(wait, Act::Unsubscribed, Place::Web(device));
        }
    }

    /// Draws which of their devices they use.
    fn device(&mut self) -> usize {
        let devices = &self.world.people[self.person].devices;
        let device = devices[0];
        match devices.get(1).copied() {
            Some(second) if self.world.dice.chance(0.35) => second,
            _ => device,
        }
    }

    /// Does something now, and takes up to some minutes for it.
    fn see(&mut self, act: Act, place: Place, minutes: i64) {
        self.world.note(self.person, self.now, act, place);
        if let (Place::Web(_), Some(channel)) = (place, self.channel) {
            self.world.by_channel(channel);
        }
        self.now += self.world.dice.between(3_000, minutes * MINUTE);
    }

    /// Does something after a while, whatever happens in between.
    fn later(&mut self, wait: i64, act: Act, place: Place) {
        self.world.note(self.person, self.now + wait, act, place);
    }
}
