"""What may stay in a de-identified data set: attributes, words and terms. Part of `utils.dicom`.

PS3.15 Annex E (https://dicom.nema.org/medical/dicom/current/output/chtml/part15/chapter_E.html)
lists what must go. Here it is the other way round: what is not named here does not survive.
"""

# Attributes, by keyword.
KEEP = set("""
Rows Columns NumberOfFrames SamplesPerPixel PlanarConfiguration PixelAspectRatio PixelSpacing ImagerPixelSpacing
NominalScannedPixelSpacing EstimatedRadiographicMagnificationFactor SliceThickness SpacingBetweenSlices
SliceLocation ImagePositionPatient ImageOrientationPatient SeriesNumber InstanceNumber AcquisitionNumber
TemporalPositionIdentifier TemporalPositionIndex NumberOfTemporalPositions TemporalResolution ImagesInAcquisition
RescaleSlope RescaleIntercept WindowCenter WindowWidth PixelPaddingValue PixelPaddingRangeLimit
SmallestImagePixelValue LargestImagePixelValue PixelIntensityRelationshipSign LossyImageCompressionRatio
LUTDescriptor LUTData KVP ExposureTime XRayTubeCurrent Exposure ExposureInuAs FocalSpots
ExposureIndex TargetExposureIndex DeviationIndex Sensitivity RelativeXRayExposure BodyPartThickness
CompressionForce DistanceSourceToDetector DistanceSourceToPatient PositionerPrimaryAngle PositionerSecondaryAngle
GantryDetectorTilt TableHeight ReconstructionDiameter DataCollectionDiameter SpiralPitchFactor
SingleCollimationWidth TotalCollimationWidth CTDIvol RepetitionTime EchoTime EffectiveEchoTime InversionTime
FlipAngle MagneticFieldStrength EchoNumbers EchoTrainLength NumberOfAverages ImagingFrequency PixelBandwidth
PercentSampling PercentPhaseFieldOfView AcquisitionMatrix NumberOfPhaseEncodingSteps TriggerTime DiffusionBValue
DiffusionGradientOrientation FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate DecayFactor
FrameReferenceTime RadionuclideHalfLife RadionuclideTotalDose RadionuclidePositronFraction DoseCalibrationFactor
ActualFrameDuration SliceSensitivityFactor ScatterFractionFactor DoseGridScaling GridFrameOffsetVector
SegmentNumber ReferencedSegmentNumber ReferencedFrameNumber MaximumFractionalValue DimensionIndexValues
InStackPositionNumber FrameAcquisitionNumber FrameIncrementPointer DimensionIndexPointer FunctionalGroupPointer
RegionSpatialFormat RegionDataType RegionFlags RegionLocationMinX0 RegionLocationMinY0 RegionLocationMaxX1
RegionLocationMaxY1 PhysicalUnitsXDirection PhysicalUnitsYDirection PhysicalDeltaX PhysicalDeltaY
Modality ImageType FrameType PatientPosition PatientOrientation Laterality ImageLaterality FrameLaterality
ViewPosition BodyPartExamined ScanningSequence SequenceVariant ScanOptions MRAcquisitionType
InPlanePhaseEncodingDirection LossyImageCompression LossyImageCompressionMethod PresentationLUTShape
PixelIntensityRelationship VOILUTFunction RescaleType ModalityLUTType ConversionType Units SeriesType
CountsSource DecayCorrection CorrectedImage DoseUnits DoseType DoseSummationType SegmentationType
SegmentationFractionalType SegmentAlgorithmType PixelPresentation VolumetricProperties
VolumeBasedCalculationTechnique ComplexImageComponent AcquisitionContrast DiffusionDirectionality FilterType
Manufacturer StudyDescription SeriesDescription ProtocolName ConvolutionKernel SegmentLabel
StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate StudyTime SeriesTime AcquisitionTime
ContentTime InstanceCreationTime AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime
RadiopharmaceuticalStartTime RadiopharmaceuticalStartDateTime
SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedSOPClassUID
ReferencedSOPInstanceUID ReferencedFrameOfReferenceUID SynchronizationFrameOfReferenceUID ConcatenationUID
DimensionOrganizationUID IrradiationEventUID TrackingUID CodingSchemeUID
SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence PlanePositionSequence
PlaneOrientationSequence PixelValueTransformationSequence FrameVOILUTSequence FrameContentSequence
FrameAnatomySequence MRImageFrameTypeSequence CTImageFrameTypeSequence MREchoSequence MRDiffusionSequence
MRTimingAndRelatedParametersSequence DiffusionGradientDirectionSequence DerivationImageSequence
ReferencedImageSequence SourceImageSequence ReferencedSeriesSequence
ReferencedInstanceSequence ReferencedSOPSequence ModalityLUTSequence
VOILUTSequence DimensionOrganizationSequence DimensionIndexSequence SegmentSequence
SegmentIdentificationSequence SequenceOfUltrasoundRegions RadiopharmaceuticalInformationSequence
AnatomicRegionSequence ViewCodeSequence SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
RadionuclideCodeSequence PurposeOfReferenceCodeSequence DerivationCodeSequence
PresentationIntentType NumberOfSlices NumberOfTimeSlices NumberOfRRIntervals NumberOfTimeSlots ImageIndex
CollimatorType
PatientOrientationCodeSequence PatientOrientationModifierCodeSequence PatientGantryRelationshipCodeSequence
PositionerType DetectorType OrganExposed AcquisitionContextSequence
ManufacturerModelName SoftwareVersions TrackingID RecognizableVisualFeatures
EnergyWindowVector DetectorVector PhaseVector RotationVector RRIntervalVector TimeSlotVector SliceVector
AngularViewVector TimeSliceVector NumberOfEnergyWindows NumberOfDetectors NumberOfPhases NumberOfRotations
RealWorldValueMappingSequence RealWorldValueFirstValueMapped RealWorldValueLastValueMapped RealWorldValueIntercept
RealWorldValueSlope RealWorldValueLUTData DoubleFloatRealWorldValueFirstValueMapped
DoubleFloatRealWorldValueLastValueMapped MeasurementUnitsCodeSequence
""".split())  # noqa: SIM905
# Beside them, where the patient's characteristics are to be retained (option 113108; sex, age, size).
PATIENT = set("""
PatientSex PatientAge PatientSize PatientWeight PatientBodyMassIndex SmokingStatus PregnancyStatus PatientSexNeutered
""".split())  # noqa: SIM905
# Private numbers that name nobody, by creator (PS3.15 Table E.3.10-1; option 113111): group, element, type.
PRIVATE = {
    "SIEMENS MR HEADER": {(0x0019, 0x0C): "IS", (0x0019, 0x0E): "FD", (0x0019, 0x27): "FD"},  # b, direction, matrix
    "GEMS_PARM_01": {(0x0043, 0x39): "IS", (0x0043, 0x6F): "DS"},  # b-value; table entry and gradient offset
    "GEMS_ACQU_01": {(0x0019, 0x23): "DS", (0x0019, 0x24): "DS", (0x0019, 0x27): "DS"},  # table, times, rotation
    "Philips Imaging DD 001": {(0x2001, 0x03): "FL"},  # b-value
    "Philips MR Imaging DD 001": {(0x2005, 0x0D): "FL", (0x2005, 0x0E): "FL"},  # intercept and slope
    "Philips PET Private Group": {(0x7053, 0x00): "DS", (0x7053, 0x09): "DS"},  # SUV factor, activity factor
    "ELSCINT1": {(0x00E1, 0x21): "DS", (0x01E1, 0x50): "DS", (0x01F1, 0x07): "DS", (0x01F1, 0x26): "DS",
                 (0x01F1, 0x27): "DS"},  # dose, durations, table, pitch, rotation
}
# What an attribute may say, and what is written in place of anything else (PS3.3 C.11.1.1.2, C.8.9.1.1.3).
LUT = {"HU", "OD", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"}
DEFINED = {
    "RescaleType": (LUT | {"OD REL"}, "US"),
    "ModalityLUTType": (LUT, "US"),
    "Units": ({"CNTS", "NONE", "CM2", "CM2ML", "PCNT", "CPS", "BQML", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM",
               "UMOLML", "PROPCNTS", "PROPCPS", "MLMINML", "MLML", "GML", "STDDEV"}, None),
}  # fmt: skip
# Classes of images whose copies were compared with their originals by a validator of the standard.
SUPPORTED = set("""
1.2.840.10008.5.1.4.1.1.1 1.2.840.10008.5.1.4.1.1.1.1 1.2.840.10008.5.1.4.1.1.1.1.1 1.2.840.10008.5.1.4.1.1.1.2
1.2.840.10008.5.1.4.1.1.1.2.1 1.2.840.10008.5.1.4.1.1.2 1.2.840.10008.5.1.4.1.1.4
1.2.840.10008.5.1.4.1.1.3.1 1.2.840.10008.5.1.4.1.1.6.1 1.2.840.10008.5.1.4.1.1.7
1.2.840.10008.5.1.4.1.1.7.1 1.2.840.10008.5.1.4.1.1.7.2 1.2.840.10008.5.1.4.1.1.7.3 1.2.840.10008.5.1.4.1.1.7.4
1.2.840.10008.5.1.4.1.1.20 1.2.840.10008.5.1.4.1.1.66.4 1.2.840.10008.5.1.4.1.1.128 1.2.840.10008.5.1.4.1.1.481.2
""".split())  # noqa: SIM905
# Words that may stay in descriptions, and terms that may stay where the standard lists terms (CS).
WORDS = set("""
CT MR PET US XRAY RAY RADIOGRAPH FILM ULTRASOUND HEAD BRAIN SKULL NECK CHEST THORAX LUNG LUNGS HEART BREAST ABDOMEN
LIVER KIDNEY PELVIS HIP KNEE ANKLE FOOT HAND WRIST ELBOW SHOULDER SPINE CSPINE TSPINE LSPINE ARM LEG EXTREMITY SKIN
WHOLEBODY BODY WHOLE BONE SOFT TISSUE STANDARD SHARP SMOOTH DETAIL LEFT RIGHT UPPER LOWER FRONTAL LATERAL OBLIQUE
PORTABLE SUPINE PRONE ERECT AP PA AX AXIAL SAG SAGITTAL COR CORONAL TRA TRANSVERSE LOCALIZER T1 T2 T1W T2W PD FLAIR
STIR DWI ADC SWI MPRAGE TOF DIXON FATSAT FS FSE TSE SE GRE EPI TRUEFISP SPGR 2D 3D PRE POST CONTRAST WITH WITHOUT WO
AND OF PHASE ARTERIAL VENOUS DELAYED DYNAMIC PERFUSION DIFFUSION ANAT HELICAL SPIRAL SCAN SERIES STUDY EXAM SCREENING
ROUTINE THIN THICK SLICE RECON MPR MIP SCOUT SURVEY IMAGE SIEMENS PHILIPS GE HEALTHCARE MEDICAL SYSTEMS TOSHIBA CANON
HITACHI HOLOGIC AGFA FUJIFILM FUJI KODAK CARESTREAM SHIMADZU SAMSUNG UNITED IMAGING ESAOTE MINDRAY KONICA MINOLTA
UNNAMED
""".split())  # noqa: SIM905
TERMS = WORDS | set("""
CR DX DR MG PT NM XA RF SC OT SEG SM GM XC ES OP OPT IO PX IVUS BMD TG RTDOSE RTIMAGE MODE ORIGINAL DERIVED PRIMARY
SECONDARY OTHER MIXED NONE M P R I A L H F LL RL LLD RLD LLO RLO CC MLO ML LM LAT AL AR PL PR HL HR FL FR AH AF PH PF
LA RA LP RP LH RH LF B U UNPAIRED HFS HFP HFDR HFDL FFS FFP FFDR FFDL GR EP IR RM SS SK MP OSP SP ROW COL COLUMN X Z
BQML CNTS GML GY RELATIVE PHYSICAL EFFECTIVE ERROR PLAN BEAM MULTI_PLAN FRACTION BINARY FRACTIONAL PROBABILITY
OCCUPANCY AUTOMATIC SEMIAUTOMATIC MANUAL STATIC GATED REPROJECTION EMISSION TRANSMISSION START ADMIN DECY ATTN SCAT
DTIM MOTN PMOT CLN RAN RADL DCAL NORM 00 01 ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_15444_2 ISO_13818_2 ISO_14496_10
IDENTITY INVERSE LIN LOG DISP LINEAR LINEAR_EXACT SIGMOID DV DI DF WSD SD SI DRW SYN YES NO COLOR MONOCHROME
TRUE_COLOR VOLUME SAMPLED DISTORTED MAX_IP MIN_IP MAGNITUDE REAL IMAGINARY T1_STAR T2_STAR DIRECTIONAL BMATRIX
ISOTROPIC UNKNOWN FLAT WEDGE BUTTERFLY STRIP FOR PRESENTATION PROCESSING COLL PARA PINH FANB CONE SLNT ASTG DIVG UNKN
DIRECT SCINTILLATOR STORAGE CARM MAMMOGRAPHIC PANORAMIC CEPHALOSTAT RIGID UPRIGHT TABLE
FOR_PRESENTATION
""".split())  # noqa: SIM905