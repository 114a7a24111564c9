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
HITACHI HOLOGIC AGFA FUJIFILM FUJI KODAK CARESTREAM SHIMADZU SAMSUNG UNITED IMAGING ESAOTE MINDRAY KONICA MINOLTA HU
OD MGML PCT HZ ED EDW
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
ISOTROPIC UNKNOWN FLAT WEDGE BUTTERFLY STRIP
""".split())  # noqa: SIM905