"""Is my detector learning JPEG instead of my task?

After S. Mandelli, N. Bonettini, P. Bestagini, S. Tubaro, "Training CNNs in presence of JPEG compression: multimedia
forensics vs computer vision", 2020. ``tasks`` make labelled pictures, ``splits`` divides them by source,
``conditions`` cuts patches on the grid or anywhere, compressed or not, ``training`` trains one network, ``experiment``
runs all trainings and keeps each in ``cells``, ``matrices`` and ``conclusion`` say what they mean, ``results`` writes.
"""
