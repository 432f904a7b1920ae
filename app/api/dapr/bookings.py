"""Bookings: a Dapr job's document as what is booked of it."""
