"""What the stages from boxes to tracks share: networks at work, poses as arrays, one video at a time."""
