//! Visits: to the shop's pages, to the shop itself, and calls.

use super::Life;
use crate::act::Act;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::inventory::{PRODUCTS, SEARCHES};
use crate::persona::Channel;
use crate::world::Place;

impl Life<'_> {
    /// Visits the shop's pages: arrives, looks around, and perhaps orders.
    pub(super) fn visit_pages(&mut self, is_first: bool) {
        let device = self.device();
        let place = Place::Web(device);
        self.arrive(device, is_first);
        self.look_around(place);
        self.join_newsletter(place);
        if !self.has_account && self.world.dice.chance(self.persona.sign_up) {
            self.sign_up(place);
        } else if self.has_account && self.world.dice.chance(0.5) {
            self.see(Act::SignedIn, place, 1);
        }
        if self.has_account && self.world.dice.chance(0.05) {
            let product = self.product();
            self.see(Act::Shared(product), place, 2);
            self.world.with_code_of(Some(self.person));
        }
        if self.world.dice.chance(self.cart_chance()) {
            self.fill_cart(device);
        }
        if self.orders > 0 && self.world.dice.chance(0.06) {
            self.ask_for_help(place);
        }
    }

    /// Arrives by a channel; an advertisement is often seen some days before.
    fn arrive(&mut self, device: usize, is_first: bool) {
        let channels = self.persona.channels;
        let drawn = self.world.dice.weighted(channels.iter().map(|it| it.1));
        let mut channel = channels[drawn].0;
        if channel == Channel::PaidSocial && !is_first && self.world.dice.chance(0.2) {
            channel = Channel::Direct;
        }
        if channel == Channel::PaidSocial && is_first && self.world.dice.chance(0.6) {
            self.see(Act::AdSeen, Place::Elsewhere(device), 1);
            self.world.by_channel(channel);
            self.now += self.world.dice.between(0, 3 * DAY);
        }
        // The shop's pages are one document, so all of the visit tells where it came from.
        self.channel = Some(channel);
        self.see(Act::HomeSeen, Place::Web(device), 2);
        if is_first {
            self.world.with_code_of(self.inviter);
        }
    }

    fn look_around(&mut self, place: Place) {
        if self.world.dice.chance(0.22) {
            let words = self.world.dice.index(SEARCHES.len());
            self.see(Act::Searched(words), place, 1);
        }
        if self.world.dice.chance(0.55) {
            self.see(Act::ListSeen, place, 2);
        }
        for _ in 0..self.world.dice.between(1, 9) {
            let product = self.product();
            self.see(Act::ProductSeen(product), place, 4);
        }
        if self.world.dice.chance(0.15) {
            self.see(Act::AboutSeen, place, 3);
        }
    }

    fn join_newsletter(&mut self, place: Place) {
        let likes_mail = self.persona.channels[0].0 == Channel::Email;
        let chance = if likes_mail { 0.45 } else { 0.05 };
        if !self.reads_mail && self.world.dice.chance(chance) {
            self.see(Act::NewsletterJoined, place, 1);
            self.reads_mail = true;
        }
    }

    /// Makes an account. Most confirm it at once, some after a reminder, a few after two weeks.
    pub(super) fn sign_up(&mut self, place: Place) {
        self.has_account = true;
        self.see(Act::SignedUp, place, 2);
        self.world.with_code_of(self.inviter);
        self.see(Act::Introduced, place, 1);
        let wait = match self
            .world
            .dice
            .weighted([0.58, 0.14, 0.05, 0.23].into_iter())
        {
            0 => self.world.dice.between(MINUTE, 3 * HOUR),
            1 => self.world.dice.between(DAY, 13 * DAY),
            2 => self.world.dice.between(15 * DAY, 30 * DAY),
            _ => return,
        };
        self.later(wait, Act::AccountActivated, place);
    }

    /// Customers know what they want.
    fn cart_chance(&self) -> f64 {
        let more = if self.orders > 0 { 1.5 } else { 1.0 };
        (self.persona.cart * more).min(0.9)
    }

    /// Draws a product; the first ones are the ones most asked for.
    pub(super) fn product(&mut self) -> usize {
        let last = i64::try_from(PRODUCTS.len()).unwrap_or(1) - 1;
        let (one, other) = (
            self.world.dice.between(0, last),
            self.world.dice.between(0, last),
        );
        usize::try_from(one.min(other)).unwrap_or_default()
    }

    /// Visits the shop, looks at things with the staff, and perhaps buys at the till.
    pub(super) fn visit_shop(&mut self) {
        for _ in 0..self.world.dice.between(1, 3) {
            let product = self.product();
            self.see(Act::ProductSeen(product), Place::Shop, 8);
        }
        if self.world.dice.chance(0.35) {
            self.buy(Place::Shop);
            if self.orders == 1 && self.world.dice.chance(0.4) {
                self.see(Act::LoyaltyJoined, Place::Shop, 2);
            }
        }
    }

    /// Calls: asks to be called, orders on the telephone, or needs help with an order.
    pub(super) fn call(&mut self) {
        if self.orders > 0 && self.world.dice.chance(0.4) {
            self.ask_for_help(Place::Phone);
            return;
        }
        self.see(Act::CallbackAsked, Place::Phone, 5);
        self.now += self.world.dice.between(HOUR, 5 * HOUR);
        if self.world.dice.chance(0.4) {
            self.buy(Place::Phone);
        }
    }

    pub(super) fn ask_for_help(&mut self, place: Place) {
        self.see(Act::HelpAsked, place, 5);
        if self.world.dice.chance(0.85) {
            let wait = self.world.dice.between(HOUR, 2 * DAY);
            self.later(wait, Act::HelpGiven, Place::Office);
        }
    }
}
