//! Orders: from the cart to the payment, and what follows from an order.

use super::Life;
use crate::act::Act;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::inventory::{DeviceKind, PRODUCTS};
use crate::world::{Invitation, Place};

/// How often a payment fails on a telephone, before the trouble and since.
const MOBILE_FAILURES: (f64, f64) = (0.12, 0.92);
/// How often a payment fails elsewhere.
const FAILURES: f64 = 0.04;
/// How often an invited friend comes.
const FRIEND_COMES: f64 = 0.4;

impl Life<'_> {
    /// Fills the cart and perhaps goes on to the checkout.
    pub(super) fn fill_cart(&mut self, device: usize) {
        let place = Place::Web(device);
        for _ in 0..self.world.dice.between(1, 3) {
            let product = self.product();
            self.see(Act::ProductAdded(product), place, 3);
        }
        if self.world.dice.chance(0.6) {
            self.see(Act::CartSeen, place, 2);
        }
        if self.world.dice.chance(self.persona.checkout) {
            self.check_out(device);
        }
    }

    fn check_out(&mut self, device: usize) {
        let place = Place::Web(device);
        self.see(Act::CheckoutStarted, place, 3);
        if self.world.dice.chance(0.08) {
            self.see(Act::GiftWrapChosen, place, 1);
        }
        if !self.has_account && self.world.dice.chance(0.4) {
            self.sign_up(place);
        }
        if !self.world.dice.chance(self.persona.pay) {
            return;
        }
        for _ in 0..2 {
            self.see(Act::PaymentEntered, place, 2);
            if !self.world.dice.chance(self.failure(device)) {
                self.buy(place);
                return;
            }
            self.see(Act::PaymentFailed, place, 1);
            if self.world.dice.chance(0.5) {
                break;
            }
        }
        self.is_annoyed = true;
    }

    /// Returns how often a payment fails here and now.
    fn failure(&self, device: usize) -> f64 {
        let is_mobile = self.world.devices[device].kind == DeviceKind::Mobile;
        match (is_mobile, self.now >= self.world.trouble) {
            (false, _) => FAILURES,
            (true, false) => MOBILE_FAILURES.0,
            (true, true) => MOBILE_FAILURES.1,
        }
    }

    /// Orders, and has what follows.
    pub(super) fn buy(&mut self, place: Place) {
        let product = self.product();
        let pieces = self.world.dice.between(1, 3);
        // Delivery at home costs something.
        let delivery = if place == Place::Shop { 0 } else { 495 };
        let order = self.world.next_order();
        let cents = PRODUCTS[product].cents * pieces + delivery;
        let act = Act::Ordered {
            order,
            cents,
            product,
        };
        let code_of = self.code_used();
        self.see(act, place, 2);
        self.world.with_code_of(code_of);
        self.orders += 1;
        self.is_annoyed = false;
        if place == Place::Shop || self.is_fulfilled(order, cents) {
            self.talk_about_it(product, place);
        }
    }

    /// Returns whose code an order carries: mostly nobody's, at the first order the inviter's, and
    /// now and then one's own, which brings nothing, or one that was found somewhere.
    fn code_used(&mut self) -> Option<usize> {
        if let Some(inviter) = self.inviter.filter(|_| self.orders == 0) {
            return Some(inviter);
        }
        match self.world.dice.weighted([0.97, 0.02, 0.01].into_iter()) {
            0 => None,
            1 => Some(self.person),
            _ => Some(self.world.dice.index(self.world.people.len())),
        }
    }

    /// Delivers the order, and takes some of it back; returns whether the customer keeps it.
    fn is_fulfilled(&mut self, order: u32, cents: i64) -> bool {
        if self.world.dice.chance(0.02) {
            let wait = self.world.dice.between(HOUR, DAY);
            self.later(wait, Act::Cancelled { order }, Place::Office);
            return false;
        }
        let arrives = self.world.dice.between(DAY, 3 * DAY);
        self.later(arrives, Act::Delivered { order }, Place::Office);
        if !self.world.dice.chance(0.07) {
            return true;
        }
        let back = arrives + self.world.dice.between(DAY, 12 * DAY);
        let part = if self.world.dice.chance(0.5) {
            cents
        } else {
            self.world.dice.between(cents / 4, cents - 1)
        };
        let refund = Act::Refunded { order, cents: part };
        self.later(back, refund, Place::Office);
        // A mistake of the shop: paid back twice. It brings back no more than there was.
        if self.world.dice.chance(0.1) {
            let wait = back + self.world.dice.between(HOUR, DAY);
            self.later(wait, refund, Place::Office);
        }
        false
    }

    /// Answers a survey, writes a review, invites friends.
    fn talk_about_it(&mut self, product: usize, place: Place) {
        let device = self.device();
        if self.world.dice.chance(0.3) {
            let score = (self.persona.mood + self.world.dice.between(-4, 2)).clamp(0, 10);
            let score = u8::try_from(score).unwrap_or_default();
            let wait = self.world.dice.between(4 * DAY, 9 * DAY);
            self.later(wait, Act::Surveyed { score }, Place::Web(device));
        }
        if self.world.dice.chance(0.1) {
            let stars = (self.persona.mood - 4 + self.world.dice.between(-2, 1)).clamp(1, 5);
            let stars = u8::try_from(stars).unwrap_or(1);
            let wait = self.world.dice.between(4 * DAY, 15 * DAY);
            self.later(wait, Act::Reviewed { product, stars }, Place::Web(device));
        }
        if place != Place::Phone && self.world.dice.chance(self.persona.invites) {
            self.invite(device);
        }
    }

    /// Invites friends, of whom some come. Most come soon, a few after more than a month.
    fn invite(&mut self, device: usize) {
        let mut wait = self.world.dice.between(10 * MINUTE, 6 * DAY);
        for _ in 0..self.world.dice.between(1, 4) {
            wait += self.world.dice.between(MINUTE / 2, 10 * MINUTE);
            self.later(wait, Act::Invited, Place::Web(device));
            self.world.with_code_of(Some(self.person));
            let comes = self.world.dice.wait(7.0).min(50.0);
            if self.world.dice.chance(FRIEND_COMES) {
                #[expect(clippy::cast_possible_truncation, reason = "at most fifty days")]
                let after = (comes * 24.0 * 60.0) as i64 * MINUTE + 5 * MINUTE;
                self.world.invitations.push(Invitation {
                    inviter: self.person,
                    comes: self.now + wait + after,
                });
            }
        }
    }
}
